// The residual branch x + attn(ln_1(x), ln_1_kv(features)).
#pragma once

#include "model/layers/attention.h"
#include "model/layers/norm.h"

struct cross_attention {
    struct norm norm, norm_kv;
    struct attention attention;
};

struct cross_attention_state {
    struct norm_state norm, norm_kv;
    struct attention_state attention;
    void *out; // [R,D]; without training the input itself
};

struct cross_attention_scratch {
    struct attention_scratch attention;
    void *d_norm, *d_norm_kv; // [R,D], [Rk,D]
};

struct cross_attention cross_attention_find(const struct params *params, const char *prefix, int64_t D, int heads);
// R rows of x, Rk rows of features.
void cross_attention_plan(struct cross_attention_state *state, void *in, int64_t R, int64_t Rk, int64_t D, int heads,
                          struct planner *planner);
void cross_attention_plan_scratch(struct cross_attention_scratch *scratch, int64_t R, int64_t Rk, int64_t D,
                                  struct planner *planner);

// Keys and values of Rk feature rows, which serve every later call on the same features …
void cross_attention_read(struct ops *ops, const struct cross_attention *layer, struct cross_attention_state *state,
                          const void *features, int64_t Rk);
// … and the branch itself.
void cross_attention_apply(struct ops *ops, const struct cross_attention *layer, struct cross_attention_state *state,
                           const void *in, const struct attention_pattern *pattern);
// d_x[R,D]: the gradient of the output becomes that of the input; d_features[Rk,D] accumulates.
void cross_attention_backward(struct ops *ops, const struct cross_attention *layer,
                              const struct cross_attention_state *state, struct cross_attention_scratch *scratch,
                              void *d_x, void *d_features, const void *in, const void *features,
                              const struct attention_pattern *pattern);
