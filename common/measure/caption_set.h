// Captions as the caption metrics see them, cut into words once for all of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/numbering.h"

#define NGRAM_ORDERS 4

// A picture's captions in the set: the candidate, which is judged, and behind it one or more references.
struct captioned {
    size_t candidate, references;
};

// Zero-initialise; release with caption_set_release. At most 2^30 words, so that all n-grams have numbers.
struct caption_set {
    struct numbering words, ngrams;
    uint32_t *number; // of pieces and n-grams, all captions' in a row
    size_t numbers, number_room;
    struct caption_place {
        size_t begin; // in `number`
        size_t pieces, words;
    } * place;
    size_t captions, caption_room;
    struct captioned *picture;
    size_t pictures, picture_room;
};
// A picture with its candidate, then its references. A caption is UTF-8, its words with blanks between them.
void caption_set_picture(struct caption_set *set, const char *candidate, size_t size);
void caption_set_reference(struct caption_set *set, const char *text, size_t size);
void caption_set_release(struct caption_set *set);

// A caption of the set; borrowed until one is added. The metrics cut texts in two ways (Python's str.split with and
// without " "), which differ where blanks are doubled, within a token or missing.
struct caption {
    const uint32_t *piece; // what stands between blanks, in order; one, which is empty, in an empty text
    size_t pieces;
    const uint32_t *ngram[NGRAM_ORDERS]; // of words, which no white space is in: ngram[k - 1] are those of k words,
    size_t ngrams[NGRAM_ORDERS];         // ascending, so equal ones stand together
};
struct caption caption_set_get(const struct caption_set *set, size_t caption);

// Steps through the different n-grams of `order` words: true with the next one and how often it stands there. `*place`
// begins at 0.
bool caption_next(const struct caption *caption, int order, size_t *place, uint32_t *ngram, size_t *count);
// How often this n-gram stands there.
size_t caption_count(const struct caption *caption, int order, uint32_t ngram);
