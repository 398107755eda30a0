// A draw from logits without sorting the vocabulary: what sampler.c's plain one gives, where top_k or top_p cut.
#pragma once

#include "model/generate/scores.h"

struct candidate {
    float score;
    int32_t token;
    double probability; // unnormalised
};

enum { DRAW_BUCKETS = 2048 };

struct quick_draw {
    int V;
    uint16_t *bucket;            // [V], of each token, ascending where scores fall
    int count[DRAW_BUCKETS];     // tokens of each
    double weight[DRAW_BUCKETS]; // and the sum of theirs
    struct candidate *few;       // [V], those of one bucket, the likeliest first
};

void quick_draw_init(struct quick_draw *draw, int V);
void quick_draw_release(struct quick_draw *draw);

// score f32 [V], as scores_of leaves it; uniform in [0, 1) → the token. `options` have top_k or top_p.
int32_t quick_draw(struct quick_draw *draw, const struct generate_options *options, const float *score, double uniform);
