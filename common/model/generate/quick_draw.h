// A draw from logits without sorting the vocabulary: what sampler.c's plain one gives, where top_k or top_p cut.
#pragma once

#include "model/generate/draw_kernels.h"
#include "model/generate/scores.h"

struct candidate {
    float score;
    int32_t token;
    double probability; // unnormalised
};

struct quick_draw {
    int V;
    const struct draw_kernels *kernels;
    uint16_t *bucket;            // [V], of each token, ascending where scores fall
    double weight[DRAW_BUCKETS]; // of the tokens of each bucket together
    int32_t *token;              // [V], those of some buckets
    struct candidate *few;       // [V], those of one bucket, the likeliest first
    struct candidate *room;      // [V], for the sort
    int sorted, sorted_count;    // the bucket that few holds, or −1, and of how many tokens
    const float *score;          // of this draw
    float highest;
};

void quick_draw_init(struct quick_draw *draw, int V);
void quick_draw_release(struct quick_draw *draw);

// score f32 [V], as scores_of leaves it; uniform in [0, 1) → the token. `options` have top_k or top_p.
int32_t quick_draw(struct quick_draw *draw, const struct generate_options *options, const float *score, double uniform);
