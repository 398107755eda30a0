// The loops of quick_draw.c over the whole vocabulary, in several versions with the same results, bit for bit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/isa.h"

// A bucket's width is 1/64 of a logit. Tokens behind the last have less than e^−31 of the likeliest one's share.
enum { DRAW_BUCKETS = 2048, DRAW_BUCKETS_OF_ONE = 64 };

struct draw_dealt {
    int last, forbidden; // tokens in the last bucket, and of these those whose score is −∞
};

struct draw_kernels {
    enum isa isa;         // the level it belongs to
    bool (*usable)(void); // on this processor

    float (*highest)(const float *score, int V);

    // Each token's bucket: how far its score is below the highest; what is not a number is in the last.
    struct draw_dealt (*deal)(uint16_t *bucket, const float *score, int V, float highest);

    // e^((score − highest) / temperature) of n scores; of what is not a number, and below e^−700, e^−700.
    void (*weigh)(double *weight, const float *score, int n, float highest, double temperature);

    // The tokens of the buckets first … last, ascending. Returns how many.
    int (*find)(int32_t *token, const uint16_t *bucket, int V, int first, int last);
};
extern const struct draw_kernels draw_v2, draw_v3, draw_v4;

extern const struct draw_kernels *const draw_versions[]; // fastest first, what any x86-64 runs last, then NULL
const struct draw_kernels *draw_fastest(void);           // of those usable here, within isa_limit()
