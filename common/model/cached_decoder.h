// Both text halves one token at a time, with keys and values of earlier tokens and of the features kept.
#pragma once

#include "model/key_mask.h"
#include "model/text_multimodal.h"
#include "model/text_unimodal.h"

// The index lists of a step, one after the other in one block of the backend.
enum step_list { STEP_TOKEN, STEP_PLACE, STEP_ROW, STEP_SELF_START, STEP_SELF_COUNT, STEP_CROSS_START, STEP_LISTS };

struct cached_decoder {
    struct ops *ops;
    int batch, T, N;
    int64_t D;
    struct text_config config;
    struct unimodal unimodal;
    struct multimodal multimodal;
    struct key_mask mask; // of the unimodal half's keys

    int32_t *host, *device; // STEP_LISTS lists of `batch`
    struct spans one_row, features;
    void **unimodal_cache, **multimodal_cache; // by layer, keys and values [batch·T,2D]
    struct cross_attention_state *cross;       // by layer
    void *feature_rows;                        // [batch·N,D]
    void *x;                                   // [batch,D]
    void *kv;                                  // [batch,2D], of the newest token
    struct self_attention_state self;
    struct mlp_state unimodal_mlp, multimodal_mlp;
    struct norm_state norm;
    void *logits; // [batch,V]
    void *memory;
};

int64_t cached_decoder_bytes(const struct model_config *config, enum dtype dtype, int batch);
void cached_decoder_init(struct cached_decoder *decoder, const struct model_config *config, struct params *params,
                         int batch);
void cached_decoder_release(struct cached_decoder *decoder);

// Starts B captions: the host's features [B,N,D].
void cached_decoder_begin(struct cached_decoder *decoder, int B, const void *features);
// Goes on with `count` of them: caption[i] has token[i] at `place`. The logits behind it, [count,V] of the compute
// type, go to the host.
void cached_decoder_step(struct cached_decoder *decoder, int count, const int32_t *caption, const int32_t *token,
                         int place, void *logits);
