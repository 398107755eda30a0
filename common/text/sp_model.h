// SentencePiece models behind a C interface. No function throws.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sp_model;

#define SP_REASON 200
// Loads a serialised model; NULL with `reason` filled.
struct sp_model *sp_model_new(const void *bytes, size_t size, char reason[SP_REASON]);
void sp_model_free(struct sp_model *model);

// Pieces in the vocabulary, and ids of the control pieces: −1 where the model has none.
struct sp_ids {
    int size, pad, bos, eos;
};
struct sp_ids sp_model_ids(const struct sp_model *model);

// Writes at most `capacity` ids of the text, without BOS and EOS; returns how many.
int sp_model_encode(const struct sp_model *model, const char *text, size_t size, int32_t *ids, int capacity);

// Gives the text of `count` ids, each in [0, size), to `append`; that of an unknown piece is none.
void sp_model_decode(const struct sp_model *model, const int32_t *ids, int count,
                     void (*append)(void *context, const char *bytes, size_t size), void *context);

#ifdef __cplusplus
}
#endif
