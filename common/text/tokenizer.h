// Tokenizers: text to ids and back. SentencePiece models now; CLIP's byte-pair encoding joins the same table.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct tokenizer;

struct tokenizer_ids {
    int vocab_size, pad, bos, eos; // ids; −1 where the vocabulary has none
};

// Opens a vocabulary by its content (SentencePiece .model). 0 or -EXIT_DATA, reported.
int tokenizer_open(struct tokenizer **tokenizer, const char *path);
void tokenizer_close(struct tokenizer **tokenizer);

struct tokenizer_ids tokenizer_ids(const struct tokenizer *tokenizer);
uint64_t tokenizer_fingerprint(const struct tokenizer *tokenizer); // of the vocabulary file's bytes

// Compares ids and size with what the model's configuration says; -EXIT_USAGE naming the difference.
int tokenizer_check(const struct tokenizer *tokenizer, struct tokenizer_ids expected);

// tokens[T] = BOS words EOS PAD…; too long a text loses words, never EOS. `text` is UTF-8 of `size` bytes.
void tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size, int32_t *tokens, int T);

// Appends the text of tokens up to EOS or count, BOS and PAD left out.
void tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *tokens, int count, struct buffer *text);
