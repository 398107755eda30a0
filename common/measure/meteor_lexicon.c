// Each caption is cut alone, on all cores; the numbers of words are given in order then, so they do not depend on that.
// METEOR's own stemmer is an older Snowball: libstemmer 2.2 gives the same stems of all words of WordNet and of the
// paraphrases, with endings of every kind, 2.75 million words.
#include "measure/meteor_lexicon.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "measure/meteor_synonyms.h"
#include "text/meteor_words.h"

struct cutting {
    const struct caption_set *set;
    struct meteor_data *data;
    size_t *caption; // [captions]: in the set
    char **words;    // [captions]
    size_t captions;
};

static enum meteor_prefix prefix_of(void *context, const char *word, size_t size) {
    struct meteor_data *data = context;
    if (!data) return METEOR_NO_PREFIX;
    const uint32_t known = meteor_data_word(data, word, size);
    if (meteor_data_marked(data, known, METEOR_BEFORE_DOT)) return METEOR_PREFIX;
    return meteor_data_marked(data, known, METEOR_BEFORE_DOT_AND_NUMBER) ? METEOR_NUMBER_PREFIX : METEOR_NO_PREFIX;
}

// The caption's text: its pieces with the blanks at which it was cut.
static void join(struct buffer *text, const struct caption_set *set, size_t caption) {
    const struct caption found = caption_set_get(set, caption);
    for (size_t i = 0; i < found.pieces; i++) {
        const size_t begin = set->words.end[found.piece[i] - 1], end = set->words.end[found.piece[i]];
        if (i) buffer_text(text, " ");
        buffer_append(text, set->words.bytes.bytes + begin, end - begin);
    }
}

static void cut_one(void *context, size_t item) {
    const struct cutting *cutting = context;
    struct buffer text = {0}, words = {0};
    join(&text, cutting->set, cutting->caption[item]);
    buffer_append(&words, "", 0);
    meteor_words(&words, text.bytes, text.size, prefix_of, cutting->data);
    cutting->words[item] = xstrndup(words.bytes, words.size);
    buffer_release(&text);
    buffer_release(&words);
}

static void list_captions(struct cutting *cutting, const struct captioned *picture, size_t pictures) {
    size_t count = 0;
    for (size_t i = 0; i < pictures; i++) count += 1 + picture[i].references;
    cutting->caption = xcalloc(count + 1, sizeof *cutting->caption);
    cutting->words = xcalloc(count + 1, sizeof *cutting->words);
    for (size_t i = 0; i < pictures; i++)
        for (size_t k = 0; k <= picture[i].references; k++)
            cutting->caption[cutting->captions++] = picture[i].candidate + k;
}

static size_t count_words(const char *words) {
    size_t count = *words != 0;
    for (; (words = strchr(words, ' ')); words++) count++;
    return count;
}

static void number_words(struct meteor_lexicon *lexicon, const struct cutting *cutting) {
    size_t count = 0;
    lexicon->end = xcalloc(cutting->captions + 1, sizeof *lexicon->end);
    for (size_t i = 0; i < cutting->captions; i++) lexicon->end[i + 1] = count += count_words(cutting->words[i]);
    lexicon->number = xcalloc(count + 1, sizeof *lexicon->number);
    count = 0;
    for (size_t i = 0; i < cutting->captions; i++)
        for (const char *word = cutting->words[i], *end; *word; word = *end ? end + 1 : end) {
            end = strchrnul(word, ' ');
            lexicon->number[count++] = numbering_add(&lexicon->words, word, (size_t)(end - word));
        }
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void add_synsets(struct meteor_lexicon *lexicon, struct meteor_word *word, const char *text, size_t size) {
    struct synonym_sets sets = {0};
    synonym_sets_find(&sets, lexicon->data, word->known, text, size);
    if (lexicon->synsets + sets.count > lexicon->synset_room) {
        lexicon->synset_room = 2 * (lexicon->synsets + sets.count);
        lexicon->synset = xrealloc_array(lexicon->synset, lexicon->synset_room, sizeof *lexicon->synset);
    }
    word->synset = (uint32_t)lexicon->synsets;
    word->synsets = (uint32_t)sets.count;
    for (size_t i = 0; i < sets.count; i++) {
        lexicon->synset[lexicon->synsets++] = sets.set[i];
        word->synset_bits |= 1ull << sets.set[i] % 64;
    }
    if (sets.count) qsort(lexicon->synset + word->synset, sets.count, sizeof *lexicon->synset, ascending);
    synonym_sets_release(&sets);
}

static void describe_words(struct meteor_lexicon *lexicon) {
    struct numbering stems = {0};
    struct sb_stemmer *stemmer = xchecked(sb_stemmer_new("english", "UTF_8"), "libstemmer");
    lexicon->word = xcalloc(lexicon->words.count + 1, sizeof *lexicon->word);
    for (size_t i = 1; i <= lexicon->words.count; i++) {
        struct meteor_word *word = &lexicon->word[i];
        const char *text = lexicon->words.bytes.bytes + lexicon->words.end[i - 1];
        const size_t size = lexicon->words.end[i] - lexicon->words.end[i - 1];
        const sb_symbol *stem = sb_stemmer_stem(stemmer, (const sb_symbol *)text, (int)size);
        word->stem = numbering_add(&stems, stem, (size_t)sb_stemmer_length(stemmer));
        word->known = METEOR_NONE;
        if (!lexicon->data) continue;
        word->known = meteor_data_word(lexicon->data, text, size);
        word->function = meteor_data_marked(lexicon->data, word->known, METEOR_FUNCTION);
        add_synsets(lexicon, word, text, size);
    }
    sb_stemmer_delete(stemmer);
    numbering_release(&stems);
}

void meteor_lexicon_make(struct meteor_lexicon *lexicon, const struct caption_set *set, const struct captioned *picture,
                         size_t pictures, struct meteor_data *data) {
    struct cutting cutting = {.set = set, .data = data};
    lexicon->data = data;
    list_captions(&cutting, picture, pictures);
    threads_each(cutting.captions, cut_one, &cutting);
    number_words(lexicon, &cutting);
    describe_words(lexicon);
    for (size_t i = 0; i < cutting.captions; i++) free(cutting.words[i]);
    free(cutting.words);
    free(cutting.caption);
}

void meteor_lexicon_release(struct meteor_lexicon *lexicon) {
    numbering_release(&lexicon->words);
    free(lexicon->word);
    free(lexicon->synset);
    free(lexicon->number);
    free(lexicon->end);
    *lexicon = (struct meteor_lexicon){.data = NULL};
}
