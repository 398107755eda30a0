// What a kind of vocabulary supplies to the tokenizer: words to ids and back, without BOS, EOS and PAD.
#pragma once

#include <stdbool.h>

#include "text/tokenizer.h"

#define VOCABULARY_REASON 200

struct vocabulary_file {
    const char *path;
    const void *bytes;
    size_t size;
    uint64_t fingerprint; // of the bytes; open adds those of a second file
};

struct vocabulary {
    const char *name, *remedy; // what to do when it does not fit the model
    bool pads_with_words;      // the id of padding is a word's too, so it is left out behind the end alone
    bool (*matches)(const void *bytes, size_t size); // by a file's first bytes
    // The state, or NULL with `reason` filled.
    void *(*open)(struct vocabulary_file *file, struct tokenizer_ids *ids, char reason[VOCABULARY_REASON]);
    void (*close)(void *state);
    int (*encode)(const void *state, const char *text, size_t size, int32_t *ids, int capacity); // how many
    void (*decode)(const void *state, const int32_t *ids, int count, struct buffer *text);       // ids are in range
};

extern const struct vocabulary vocabulary_sentencepiece, vocabulary_clip;
