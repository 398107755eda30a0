// Tokenizers: text to ids and back, by SentencePiece models or CLIP's byte-pair encoding.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct tokenizer;

struct tokenizer_ids {
    int vocab_size, pad, bos, eos; // ids; −1 where the vocabulary has none
};

// Opens a vocabulary by its content: a SentencePiece .model; or CLIP's as bpe_simple_vocab_16e6.txt.gz, as vocab.json
// or merges.txt with the other beside it, or as tokenizer.json, all read as open_clip's SimpleTokenizer reads its own.
// 0 or -EXIT_DATA, reported. Threads may share one.
int tokenizer_open(struct tokenizer **tokenizer, const char *path);
void tokenizer_close(struct tokenizer **tokenizer);

struct tokenizer_ids tokenizer_ids(const struct tokenizer *tokenizer);
uint64_t tokenizer_fingerprint(const struct tokenizer *tokenizer); // of the vocabulary files' bytes

// Compares ids and size with what the model's configuration says; -EXIT_USAGE naming the difference.
int tokenizer_check(const struct tokenizer *tokenizer, struct tokenizer_ids expected);

// tokens[T] = BOS words EOS PAD…; too long a text loses words, never EOS. `text` is UTF-8 of `size` bytes.
void tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size, int32_t *tokens, int T);

// Appends the text of tokens up to EOS or count, BOS, PAD and the vocabulary's unknown token left out; CLIP's PAD, 0,
// is its "!" before EOS.
void tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *tokens, int count, struct buffer *text);
