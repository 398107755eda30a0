// Captions become numbers when they come: a word has one, and so has an n-gram, which is known by the n-gram without
// its last word and that word. Of each order the numbers are kept sorted, 4 bytes each, and counts are the lengths of
// runs: the metrics compare captions by walking through them, without another table for each caption.
#include "measure/caption_set.h"

#include <stdlib.h>
#include <string.h>

// The bytes of the white space, in the sense of Python's str.isspace, that the text begins with; 0 when it does not.
static size_t space_at(const char *text, size_t size) {
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
                                       "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
                                       "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    const unsigned char first = (unsigned char)*text;
    if (first < 0x80) return first == ' ' || (first >= '\t' && first <= '\r') || (first >= 0x1c && first <= 0x1f);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        const size_t length = strlen(wide[i]);
        if (size >= length && !memcmp(text, wide[i], length)) return length;
    }
    return 0;
}

// The array, with room for one more than `count` items.
static void *with_room(void *array, size_t count, size_t *room, size_t item) {
    if (count < *room) return array;
    *room = *room ? 2 * *room : 256;
    return xrealloc_array(array, *room, item);
}

static void push(struct caption_set *set, uint32_t number) {
    set->number = with_room(set->number, set->numbers, &set->number_room, sizeof *set->number);
    set->number[set->numbers++] = number;
}

static void push_pieces(struct caption_set *set, const char *text, size_t size) {
    const char *const end = text + size;
    for (const char *stop; (stop = memchr(text, ' ', (size_t)(end - text))); text = stop + 1)
        push(set, numbering_add(&set->words, text, (size_t)(stop - text)));
    push(set, numbering_add(&set->words, text, (size_t)(end - text)));
}

static void push_words(struct caption_set *set, const char *text, size_t size) {
    size_t begin = 0, space;
    for (size_t at = 0; at <= size; at += space ? space : 1) {
        space = at < size ? space_at(text + at, size - at) : 1;
        if (!space) continue;
        if (at > begin) push(set, numbering_add(&set->words, text + begin, at - begin));
        begin = at + space;
    }
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct ngram_key {
    uint32_t before, word; // the n-gram without its last word (0: that is nothing), the last word
};

// The key of the n-gram of order + 1 words that begins with word `i`; those of one word less stand at `before`.
static struct ngram_key key_of(const struct caption_set *set, size_t first, size_t before, size_t order, size_t i) {
    return (struct ngram_key){order ? set->number[before + i] : 0, set->number[first + i + order]};
}

// Most of the time is spent waiting for the table's memory, so an order's n-grams are fetched together.
static void push_order(struct caption_set *set, size_t first, size_t words, size_t before, size_t order) {
    for (size_t i = 0; i + order < words; i++) {
        const struct ngram_key key = key_of(set, first, before, order, i);
        numbering_fetch(&set->ngrams, &key, sizeof key);
    }
    for (size_t i = 0; i + order < words; i++) {
        const struct ngram_key key = key_of(set, first, before, order, i);
        push(set, numbering_add(&set->ngrams, &key, sizeof key));
    }
}

// Behind the words, which stand at `first`, come the n-grams of each order. They are sorted at the end, since the
// n-gram before, in the order of the text, is what the next one goes on from.
static void push_ngrams(struct caption_set *set, size_t first, size_t words) {
    size_t begin[NGRAM_ORDERS + 1] = {set->numbers};
    for (size_t order = 0; order < NGRAM_ORDERS; order++) {
        push_order(set, first, words, order ? begin[order - 1] : 0, order);
        begin[order + 1] = set->numbers;
    }
    for (size_t order = 0; order < NGRAM_ORDERS; order++)
        qsort(set->number + begin[order], begin[order + 1] - begin[order], sizeof *set->number, ascending);
}

// The words themselves are needed only until the n-grams stand: these move into their place.
static void add(struct caption_set *set, const char *text, size_t size) {
    struct caption_place place = {.begin = set->numbers};
    push_pieces(set, text, size);
    const size_t first = set->numbers;
    place.pieces = first - place.begin;
    push_words(set, text, size);
    place.words = set->numbers - first;
    push_ngrams(set, first, place.words);
    set->numbers -= place.words;
    memmove(set->number + first, set->number + first + place.words, (set->numbers - first) * sizeof *set->number);
    set->place = with_room(set->place, set->captions, &set->caption_room, sizeof *set->place);
    set->place[set->captions++] = place;
}

void caption_set_picture(struct caption_set *set, const char *candidate, size_t size) {
    set->picture = with_room(set->picture, set->pictures, &set->picture_room, sizeof *set->picture);
    set->picture[set->pictures++] = (struct captioned){set->captions, 0};
    add(set, candidate, size);
}

void caption_set_reference(struct caption_set *set, const char *text, size_t size) {
    set->picture[set->pictures - 1].references++;
    add(set, text, size);
}

void caption_set_release(struct caption_set *set) {
    numbering_release(&set->words);
    numbering_release(&set->ngrams);
    free(set->number);
    free(set->place);
    free(set->picture);
    *set = (struct caption_set){0};
}

struct caption caption_set_get(const struct caption_set *set, size_t index) {
    const size_t words = set->place[index].words;
    struct caption caption = {.piece = set->number + set->place[index].begin, .pieces = set->place[index].pieces};
    const uint32_t *at = caption.piece + caption.pieces;
    for (size_t order = 0; order < NGRAM_ORDERS; order++) {
        caption.ngram[order] = at;
        caption.ngrams[order] = words > order ? words - order : 0;
        at += caption.ngrams[order];
    }
    return caption;
}

bool caption_next(const struct caption *caption, int order, size_t *place, uint32_t *ngram, size_t *count) {
    const uint32_t *number = caption->ngram[order - 1];
    const size_t begin = *place, end = caption->ngrams[order - 1];
    if (begin >= end) return false;
    *ngram = number[begin];
    while (*place < end && number[*place] == *ngram) ++*place;
    *count = *place - begin;
    return true;
}

size_t caption_count(const struct caption *caption, int order, uint32_t ngram) {
    const uint32_t *number = caption->ngram[order - 1];
    size_t low = 0, high = caption->ngrams[order - 1], count = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (number[middle] < ngram)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < caption->ngrams[order - 1] && number[low + count] == ngram) count++;
    return count;
}
