// Both text halves one token at a time, with keys and values of earlier tokens and of the features kept. Captions of
// one picture share its features; each has a slot of the caches for its own tokens, or several that are equal so far
// have one.
#pragma once

#include "model/generate/caption_model.h"
#include "model/layers/key_mask.h"
#include "model/towers/text_multimodal.h"
#include "model/towers/text_unimodal.h"

// The index lists of a step, one after the other in one block of the backend.
enum step_list {
    STEP_TOKEN,
    STEP_PLACE,
    STEP_ROW,
    STEP_SELF_START,
    STEP_SELF_COUNT,
    STEP_QUERY_START, // by picture: its captions, and its features
    STEP_QUERY_COUNT,
    STEP_CROSS_START,
    STEP_FORK_FROM, // rows of the caches
    STEP_FORK_TO,
    STEP_LISTS
};

struct decoder_size {
    int batch; // pictures
    int slots; // captions that go on side by side
    int T;     // tokens of a caption
};

struct cached_decoder {
    struct ops *ops;
    bool in_host; // its memory is the host's
    int batch, slots, T, N;
    int64_t D;
    struct text_config config;
    struct unimodal unimodal;
    struct multimodal multimodal;
    struct key_mask mask; // of the unimodal half's keys

    int32_t *host, *device; // STEP_LISTS lists of `slots`
    struct spans one_row, features;
    void **unimodal_cache, **multimodal_cache; // by layer, keys and values [slots·T,2D]
    struct cross_attention_state *cross;       // by layer
    void *feature_rows;                        // [batch·N,D]
    void *x;                                   // [slots,D]
    void *kv;                                  // [slots,2D], of the newest token, and rows on their way to a fork
    int forked;                                // rows that wait for the next step, up to `slots`
    struct self_attention_state self;
    struct mlp_state unimodal_mlp, multimodal_mlp;
    struct norm_state norm;
    void *logits;       // [slots,V]
    int32_t *likeliest; // [slots,LIKELIEST]
    void *largest;      // [slots·T], the logits of the likeliest tokens of all steps …
    int largest_count;  // … so far
    struct ops_graph step;
    void *memory;
};

int64_t cached_decoder_bytes(const struct model_config *config, enum dtype dtype, struct decoder_size size);
void cached_decoder_init(struct cached_decoder *decoder, const struct model_config *config, struct params *params,
                         struct decoder_size size);
void cached_decoder_release(struct cached_decoder *decoder);

// Starts on B pictures: the host's features [B,N,D]; all slots are empty.
void cached_decoder_begin(struct cached_decoder *decoder, int B, const void *features);
// Goes on with `count` rows, those of one picture side by side, whose newest tokens stand at `place`. What was found is
// had by one of the two that follow.
void cached_decoder_step(struct cached_decoder *decoder, int count, const struct caption_row *row, int place);
// The logits behind the captions of the last step, [count,V] of the compute type: where they are if that is the host's
// memory, which cached_decoder_in_host tells, else in `room`.
bool cached_decoder_in_host(const struct cached_decoder *decoder);
const void *cached_decoder_logits(struct cached_decoder *decoder, int count, void *room);
// The tokens of the largest of them, [count,LIKELIEST], to the host.
void cached_decoder_likeliest(struct cached_decoder *decoder, int count, int32_t *token);
// Whether the largest logits of all steps whose likeliest tokens were asked for are finite.
bool cached_decoder_finite(const struct cached_decoder *decoder);
// Slot `to`, not yet written beyond first + count, gets the tokens first … first + count of slot `from`.
void cached_decoder_copy(struct cached_decoder *decoder, int to, int from, int first, int count);
// Slot `to`, which is empty, gets the first `count` tokens of slot `from`, of those that it has before the next step.
void cached_decoder_fork(struct cached_decoder *decoder, int to, int from, int count);
