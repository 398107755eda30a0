// Every module finds its matches without regard to the others'; which of them are taken is the alignment's to say. The
// order in which they are found is kept, as it decides between equally good alignments.
#include "measure/meteor_match.h"

#include <stdlib.h>
#include <string.h>

static void add_phrase(struct meteor_text *text, struct meteor_phrase phrase) {
    if (text->phrases == text->phrase_room) {
        text->phrase_room = 2 * text->phrase_room + 32;
        text->phrase = xrealloc_array(text->phrase, text->phrase_room, sizeof *text->phrase);
    }
    text->phrase[text->phrases++] = phrase;
    text->phrase_bits |= 1ull << phrase.phrase % 64;
}

static void find_phrases(struct meteor_text *text, const struct meteor_lexicon *lexicon, uint32_t start) {
    struct meteor_walk walk = meteor_walk_begin(lexicon->data, lexicon->word[text->word[start]].known);
    while (walk.begin < walk.end) {
        const uint32_t phrase = meteor_walk_phrase(&walk, lexicon->data);
        if (phrase != METEOR_NONE) add_phrase(text, (struct meteor_phrase){phrase, start, walk.words});
        if (start + walk.words == text->words) return;
        meteor_walk_on(&walk, lexicon->data, lexicon->word[text->word[start + walk.words]].known);
    }
}

void meteor_text_take(struct meteor_text *text, const struct meteor_lexicon *lexicon, size_t caption) {
    text->word = lexicon->number + lexicon->end[caption];
    text->words = (uint32_t)(lexicon->end[caption + 1] - lexicon->end[caption]);
    text->phrases = 0;
    text->phrase_bits = 0;
    for (uint32_t start = 0; lexicon->data && start < text->words; start++) find_phrases(text, lexicon, start);
}

void meteor_text_release(struct meteor_text *text) {
    free(text->phrase);
    *text = (struct meteor_text){.word = NULL};
}

static void add(struct meteor_matches *matches, const struct meteor_match *match) {
    if (matches->count == matches->room) {
        matches->room = 2 * matches->room + 64;
        matches->found = xrealloc_array(matches->found, matches->room, sizeof *matches->found);
        matches->match = xrealloc_array(matches->match, matches->room, sizeof *matches->match);
    }
    matches->found[matches->count++] = *match;
    matches->begin[match->start + 1]++;
    for (uint32_t k = 0; k < match->length; k++) matches->over_reference[match->start + k]++;
    for (uint32_t k = 0; k < match->words; k++) matches->over_candidate[match->from + k]++;
}

static bool share_a_set(const struct meteor_lexicon *lexicon, const struct meteor_word *a,
                        const struct meteor_word *b) {
    if (!(a->synset_bits & b->synset_bits)) return false;
    const uint32_t *x = lexicon->synset + a->synset, *y = lexicon->synset + b->synset;
    for (uint32_t i = 0, j = 0; i < a->synsets && j < b->synsets;) {
        if (x[i] == y[j]) return true;
        if (x[i] < y[j])
            i++;
        else
            j++;
    }
    return false;
}

static bool agree(const struct meteor_lexicon *lexicon, enum meteor_module module, uint32_t a, uint32_t b) {
    if (module == METEOR_EXACT || a == b) return module == METEOR_EXACT && a == b;
    const struct meteor_word *x = &lexicon->word[a], *y = &lexicon->word[b];
    return module == METEOR_STEM ? x->stem == y->stem : share_a_set(lexicon, x, y);
}

static void match_words(struct meteor_matches *matches, const struct meteor_lexicon *lexicon, enum meteor_module module,
                        const struct meteor_text *candidate, const struct meteor_text *reference) {
    for (uint32_t j = 0; j < reference->words; j++)
        for (uint32_t i = 0; i < candidate->words; i++)
            if (agree(lexicon, module, candidate->word[i], reference->word[j]))
                add(matches, &(struct meteor_match){module, j, 1, i, 1});
}

// Where `other` has this phrase, which is a paraphrase of a phrase of the text.
static void match_phrase(struct meteor_matches *matches, const struct meteor_phrase *phrase, uint32_t paraphrase,
                         const struct meteor_text *other, bool of_reference) {
    for (size_t i = 0; i < other->phrases; i++) {
        const struct meteor_phrase *met = &other->phrase[i];
        if (met->phrase != paraphrase) continue;
        const struct meteor_phrase *r = of_reference ? phrase : met, *c = of_reference ? met : phrase;
        add(matches, &(struct meteor_match){METEOR_PARAPHRASE, r->start, r->length, c->start, c->length});
    }
}

static void match_phrases(struct meteor_matches *matches, struct meteor_data *data, const struct meteor_text *text,
                          const struct meteor_text *other, bool of_reference) {
    for (size_t i = 0; i < text->phrases; i++) {
        const struct meteor_list list = meteor_data_list(data, METEOR_PARAPHRASES, text->phrase[i].phrase);
        for (size_t k = 0; k < list.count; k++)
            if (other->phrase_bits >> list.item[k] % 64 & 1)
                match_phrase(matches, &text->phrase[i], list.item[k], other, of_reference);
    }
}

static void clear(struct meteor_matches *matches, uint32_t candidate, uint32_t reference) {
    const size_t words = candidate > reference ? candidate : reference;
    if (words >= matches->word_room) {
        matches->word_room = 2 * words + 32;
        matches->begin = xrealloc_array(matches->begin, matches->word_room, sizeof *matches->begin);
        matches->over_candidate = xrealloc_array(matches->over_candidate, matches->word_room, sizeof(uint32_t));
        matches->over_reference = xrealloc_array(matches->over_reference, matches->word_room, sizeof(uint32_t));
    }
    matches->count = 0;
    memset(matches->begin, 0, ((size_t)reference + 1) * sizeof *matches->begin);
    memset(matches->over_candidate, 0, candidate * sizeof(uint32_t));
    memset(matches->over_reference, 0, reference * sizeof(uint32_t));
}

// Those of a word together, in the order in which they were found.
static void sort(struct meteor_matches *matches, uint32_t words) {
    for (uint32_t j = 0; j < words; j++) matches->begin[j + 1] += matches->begin[j];
    for (size_t i = matches->count; i-- > 0;)
        matches->match[--matches->begin[matches->found[i].start + 1]] = matches->found[i];
    memmove(matches->begin, matches->begin + 1, words * sizeof *matches->begin);
    matches->begin[words] = (uint32_t)matches->count;
}

void meteor_matches_find(struct meteor_matches *matches, const struct meteor_lexicon *lexicon,
                         const struct meteor_text *candidate, const struct meteor_text *reference) {
    clear(matches, candidate->words, reference->words);
    const bool equal = candidate->words == reference->words &&
                       !memcmp(candidate->word, reference->word, reference->words * sizeof *reference->word);
    match_words(matches, lexicon, METEOR_EXACT, candidate, reference);
    if (!equal) match_words(matches, lexicon, METEOR_STEM, candidate, reference);
    if (!equal && lexicon->data) {
        match_words(matches, lexicon, METEOR_SYNONYM, candidate, reference);
        match_phrases(matches, lexicon->data, reference, candidate, true);
        match_phrases(matches, lexicon->data, candidate, reference, false);
    }
    sort(matches, reference->words);
}

void meteor_matches_release(struct meteor_matches *matches) {
    free(matches->match);
    free(matches->found);
    free(matches->begin);
    free(matches->over_candidate);
    free(matches->over_reference);
    *matches = (struct meteor_matches){.match = NULL};
}
