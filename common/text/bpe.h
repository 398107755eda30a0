// Byte-pair encoding of words, as CLIP has it: symbols are texts of a vocabulary, of which pairs join by rank.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#define BPE_TOKENS_LIMIT (1 << 20)
#define BPE_REASON 160
#define BPE_WORD_END "</w>"

// What vocabulary files say. Token i is token.item[i]; of equal tokens the last counts, and of equal pairs too.
// Pair p joins first.item[p] and second.item[p] before pair p + 1 does; empty texts fill ranks that join nothing.
struct bpe_files {
    struct strings token, first, second;
};
void bpe_files_release(struct bpe_files *files);

struct bpe;
// NULL with `reason` filled when a token of a byte, or of a pair, is missing. Takes the tokens over from `files`.
struct bpe *bpe_new(struct bpe_files *files, char reason[BPE_REASON]);
void bpe_free(struct bpe *bpe);

int bpe_size(const struct bpe *bpe);
int bpe_find(const struct bpe *bpe, const char *token); // −1 when there is none

// The ids of a word of at least one byte, at most `capacity`; returns how many.
int bpe_encode(const struct bpe *bpe, const char *word, size_t size, int32_t *ids, int capacity);

// Appends the bytes that the token stands for, BPE_WORD_END spelt out.
void bpe_decode(const struct bpe *bpe, int32_t id, struct buffer *bytes);

// The text by which token files spell a byte: printable characters themselves, the others from U+0100 on.
void bpe_spell(struct buffer *out, unsigned char byte);
// Bytes in the order in which token lists begin: the printable ones first.
void bpe_byte_order(unsigned char order[256]);
