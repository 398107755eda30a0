// A LayerNorm and its parameters.
#pragma once

#include "model/layers/planner.h"
#include "model/params/params.h"

struct norm {
    struct weight weight, bias;
    int64_t D;
};

struct norm_state {
    void *out;         // [R,D]
    real *mean, *rstd; // [R]
};

struct norm norm_find(const struct params *params, const char *prefix, const char *name, int64_t D);
void norm_plan(struct norm_state *state, int64_t R, int64_t D, struct planner *planner);

void norm_apply(struct ops *ops, const struct norm *norm, struct norm_state *state, const void *in, int64_t R);
// d_in[R,D] becomes the gradient of `in`, or is added to with `accumulate`.
void norm_backward(struct ops *ops, const struct norm *norm, const struct norm_state *state, void *d_in,
                   const void *d_out, const void *in, int64_t R, bool accumulate);
