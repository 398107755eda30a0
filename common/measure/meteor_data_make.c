// Words and phrases get numbers as they come, and their places in the file when all are known: by sorting, so that a
// reader finds them by halving. Lists are made by counting, which keeps what one owner has in the order in which it
// came.
#include "measure/meteor_data_make.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static uint32_t word_number(struct meteor_made *made, const char *word, size_t size) {
    const uint32_t number = numbering_add(&made->words, word, size);
    if (number >= made->mark_room) {
        const size_t before = made->mark_room;
        made->mark_room = 2 * (size_t)number + 1024;
        made->mark = xrealloc(made->mark, made->mark_room);
        memset(made->mark + before, 0, made->mark_room - before);
    }
    return number;
}

static void add_pair(struct meteor_made *made, enum meteor_list_name name, uint32_t owner, uint32_t item) {
    struct meteor_pairs *pairs = &made->pairs[name];
    if (pairs->count == pairs->room) {
        pairs->room = pairs->room ? 2 * pairs->room : 1024;
        pairs->pair = xrealloc_array(pairs->pair, pairs->room, sizeof *pairs->pair);
    }
    pairs->pair[pairs->count++] = (struct meteor_pair){owner, item};
}

void meteor_made_mark(struct meteor_made *made, const char *word, enum meteor_mark mark) {
    const uint32_t number = word_number(made, word, strlen(word));
    made->mark[number] = (unsigned char)(made->mark[number] | mark);
}

void meteor_made_synset(struct meteor_made *made, const char *word, uint32_t synset) {
    add_pair(made, METEOR_SYNSETS, word_number(made, word, strlen(word)), synset);
}

void meteor_made_base(struct meteor_made *made, const char *form, const char *base) {
    const uint32_t owner = word_number(made, form, strlen(form));
    add_pair(made, METEOR_BASES, owner, word_number(made, base, strlen(base)));
}

static uint32_t phrase_number(struct meteor_made *made, const char *phrase) {
    struct buffer words = {0};
    for (const char *end; *phrase; phrase = *end ? end + 1 : end) {
        end = strchrnul(phrase, ' ');
        const uint32_t word = word_number(made, phrase, (size_t)(end - phrase));
        buffer_append(&words, &word, sizeof word);
    }
    const uint32_t number = numbering_add(&made->phrases, words.bytes, words.size);
    buffer_release(&words);
    return number;
}

void meteor_made_paraphrase(struct meteor_made *made, const char *phrase, const char *paraphrase) {
    const uint32_t owner = phrase_number(made, phrase);
    add_pair(made, METEOR_PARAPHRASES, owner, phrase_number(made, paraphrase));
}

// The places in the file: at[place] is the number, place[number] the place.
struct order {
    uint32_t *at, *place, count;
};
struct writing {
    const struct meteor_made *made;
    struct order words, phrases;
    struct meteor_header header;
    struct buffer image;
};

struct bytes {
    const char *begin;
    size_t size;
};
static struct bytes bytes_of(const struct numbering *numbering, uint32_t number) {
    const size_t begin = numbering->end[number - 1];
    return (struct bytes){numbering->bytes.bytes + begin, numbering->end[number] - begin};
}

struct words {
    const uint32_t *number;
    size_t count;
};
static struct words words_of(const struct meteor_made *made, uint32_t phrase) {
    const struct bytes bytes = bytes_of(&made->phrases, phrase);
    return (struct words){(const uint32_t *)(const void *)bytes.begin, bytes.size / sizeof(uint32_t)};
}

static int by_bytes(const void *a, const void *b, void *context) {
    const struct writing *writing = context;
    const struct bytes x = bytes_of(&writing->made->words, *(const uint32_t *)a);
    const struct bytes y = bytes_of(&writing->made->words, *(const uint32_t *)b);
    const int order = memcmp(x.begin, y.begin, x.size < y.size ? x.size : y.size);
    return order ? order : (x.size > y.size) - (x.size < y.size);
}

static int by_words(const void *a, const void *b, void *context) {
    const struct writing *writing = context;
    const struct words x = words_of(writing->made, *(const uint32_t *)a);
    const struct words y = words_of(writing->made, *(const uint32_t *)b);
    for (size_t i = 0; i < x.count && i < y.count; i++) {
        const uint32_t first = writing->words.place[x.number[i]], second = writing->words.place[y.number[i]];
        if (first != second) return first < second ? -1 : 1;
    }
    return (x.count > y.count) - (x.count < y.count);
}

static void sort(struct writing *writing, struct order *order, size_t count,
                 int (*compare)(const void *, const void *, void *)) {
    *order = (struct order){xcalloc(count + 1, sizeof *order->at), xcalloc(count + 1, sizeof *order->place),
                            (uint32_t)count};
    for (uint32_t i = 0; i < count; i++) order->at[i] = i + 1;
    qsort_r(order->at, count, sizeof *order->at, compare, writing);
    for (uint32_t i = 0; i < count; i++) order->place[order->at[i]] = i;
}

// Where it begins.
static uint64_t put(struct writing *writing, const void *bytes, size_t size) {
    static const char zeros[8];
    buffer_append(&writing->image, zeros, -writing->image.size % sizeof zeros);
    const uint64_t begin = writing->image.size;
    buffer_append(&writing->image, bytes, size);
    return begin;
}

static void put_list(struct writing *writing, enum meteor_list_name name, const uint32_t *ends, uint32_t owners,
                     const void *items, size_t item) {
    struct meteor_place *place = &writing->header.list[name];
    *place = (struct meteor_place){.owners = owners, .length = ends[owners]};
    place->ends = put(writing, ends, ((size_t)owners + 1) * sizeof *ends);
    place->items = put(writing, items, ends[owners] * item);
}

static void put_words(struct writing *writing) {
    const struct order *order = &writing->words;
    uint32_t *ends = xcalloc((size_t)order->count + 1, sizeof *ends);
    unsigned char *mark = xcalloc((size_t)order->count + 1, 1);
    struct buffer characters = {0};
    for (uint32_t i = 0; i < order->count; i++) {
        const struct bytes word = bytes_of(&writing->made->words, order->at[i]);
        buffer_append(&characters, word.begin, word.size);
        ends[i + 1] = (uint32_t)characters.size;
        mark[i] = writing->made->mark[order->at[i]];
    }
    put_list(writing, METEOR_WORDS, ends, order->count, characters.bytes, 1);
    writing->header.marks = put(writing, mark, order->count);
    buffer_release(&characters);
    free(ends);
    free(mark);
}

static void put_phrases(struct writing *writing) {
    const struct order *order = &writing->phrases;
    const uint32_t words = writing->words.count;
    uint32_t *ends = xcalloc((size_t)order->count + 1, sizeof *ends),
             *first = xcalloc((size_t)words + 1, sizeof *first);
    struct buffer items = {0};
    for (uint32_t i = 0; i < order->count; i++) {
        const struct words phrase = words_of(writing->made, order->at[i]);
        for (size_t k = 0; k < phrase.count; k++)
            buffer_append(&items, &writing->words.place[phrase.number[k]], sizeof(uint32_t));
        ends[i + 1] = ends[i] + (uint32_t)phrase.count;
        first[writing->words.place[phrase.number[0]] + 1]++;
    }
    for (uint32_t i = 0; i < words; i++) first[i + 1] += first[i];
    put_list(writing, METEOR_PHRASES, ends, order->count, items.bytes, sizeof(uint32_t));
    writing->header.first = put(writing, first, ((size_t)words + 1) * sizeof *first);
    buffer_release(&items);
    free(ends);
    free(first);
}

// The items' places in `items`, or the items themselves where that is NULL.
static void put_pairs(struct writing *writing, enum meteor_list_name name, const struct order *owners,
                      const struct order *items) {
    const struct meteor_pairs *pairs = &writing->made->pairs[name];
    uint32_t *ends = xcalloc((size_t)owners->count + 2, sizeof *ends), *item = xcalloc(pairs->count + 1, sizeof *item);
    for (size_t i = 0; i < pairs->count; i++) ends[owners->place[pairs->pair[i].owner] + 2]++;
    for (uint32_t i = 0; i < owners->count; i++) ends[i + 2] += ends[i + 1];
    for (size_t i = 0; i < pairs->count; i++) {
        const struct meteor_pair *pair = &pairs->pair[i];
        item[ends[owners->place[pair->owner] + 1]++] = items ? items->place[pair->item] : pair->item;
    }
    put_list(writing, name, ends, owners->count, item, sizeof *item);
    free(ends);
    free(item);
}

static void put_all(struct writing *writing) {
    put(writing, &writing->header, sizeof writing->header);
    put_words(writing);
    put_pairs(writing, METEOR_SYNSETS, &writing->words, NULL);
    put_pairs(writing, METEOR_BASES, &writing->words, &writing->words);
    put_phrases(writing);
    put_pairs(writing, METEOR_PARAPHRASES, &writing->phrases, &writing->phrases);
    writing->header.size = writing->image.size;
    memcpy(writing->image.bytes, &writing->header, sizeof writing->header);
}

// Lengths of lists are at most those of what they are made from.
static bool fits(const struct meteor_made *made) {
    size_t most = made->words.bytes.size > made->phrases.bytes.size ? made->words.bytes.size : made->phrases.bytes.size;
    for (int name = 0; name < METEOR_LISTS; name++)
        if (made->pairs[name].count > most) most = made->pairs[name].count;
    return most < UINT32_MAX;
}

int meteor_made_write(struct meteor_made *made, const char *path) {
    if (!fits(made)) return error(EXIT_DATA, "%s: has more words or phrases than 32 bits can number", path);
    struct writing writing = {.made = made,
                              .header = {.magic = METEOR_MAGIC, .version = METEOR_VERSION, .lists = METEOR_LISTS}};
    sort(&writing, &writing.words, made->words.count, by_bytes);
    sort(&writing, &writing.phrases, made->phrases.count, by_words);
    put_all(&writing);
    int status = file_write(path, writing.image.bytes, writing.image.size);
    buffer_release(&writing.image);
    free(writing.words.at);
    free(writing.words.place);
    free(writing.phrases.at);
    free(writing.phrases.place);
    return status;
}

void meteor_made_release(struct meteor_made *made) {
    numbering_release(&made->words);
    numbering_release(&made->phrases);
    free(made->mark);
    for (int name = 0; name < METEOR_LISTS; name++) free(made->pairs[name].pair);
    *made = (struct meteor_made){.mark = NULL};
}
