// Chooses the next token of a caption from its logits.
#pragma once

#include "model/generate.h"

struct sampler {
    const struct text_config *config;
    const struct generate_options *options;
    float *score;                // [V]
    struct candidate *candidate; // [V]
};

void sampler_init(struct sampler *sampler, const struct text_config *config);
void sampler_release(struct sampler *sampler);

// logits f32 [V] → the token behind token[0 … length). BOS and padding are never chosen, EOS not before min_length;
// equal logits give the lowest id. `id` is the picture's.
int32_t sampler_choose(struct sampler *sampler, const float *logits, const int32_t *token, int length, int64_t id);
