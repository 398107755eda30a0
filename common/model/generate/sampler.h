// Chooses the next token of a caption from its logits.
#pragma once

#include "base/random.h"
#include "model/generate/quick_draw.h"

struct sampler {
    struct score_rules rules;
    float *score;                // [V]
    struct candidate *candidate; // [V]
    struct quick_draw quick;
};

void sampler_init(struct sampler *sampler, struct score_rules rules);
void sampler_release(struct sampler *sampler);

// Of the draws of one caption, 0 … N, of the picture with this number.
struct random_key sampler_key(const struct sampler *sampler, int64_t picture, int caption);
// logits f32 [V] → the token behind token[0 … length); equal logits give the lowest id.
int32_t sampler_choose(struct sampler *sampler, const float *logits, const int32_t *token, int length,
                       struct random_key key);

// The plain draw, by a point in [0, 1): what the quick one is held to where top_k or top_p cut.
int32_t sampler_draw(struct sampler *sampler, const float *logits, const int32_t *token, int length, double point);

// The tokens that a draw may give, sampler->candidate[0 … returned), with their probabilities' sum: cut by top_k and
// top_p at temperature 1, then weighed at the temperature, as open_clip does it. Without a cut they are in no order.
int sampler_candidates(struct sampler *sampler, const float *logits, const int32_t *token, int length, double *sum);
