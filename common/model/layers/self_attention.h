// The residual branch x + attn(ln_1(x)).
#pragma once

#include "model/layers/attention.h"
#include "model/layers/norm.h"

struct self_attention {
    struct norm norm;
    struct attention attention;
};

struct self_attention_state {
    struct norm_state norm;
    struct attention_state attention;
    void *out; // [R,D]; without training the input itself
};

struct self_attention_scratch {
    struct attention_scratch attention;
    void *d_norm; // [R,D]
};

struct self_attention self_attention_find(const struct params *params, const char *prefix, int64_t D, int heads);
void self_attention_plan(struct self_attention_state *state, void *in, int64_t R, int64_t D, int heads,
                         struct planner *planner);
void self_attention_plan_scratch(struct self_attention_scratch *scratch, int64_t R, int64_t D, struct planner *planner);

void self_attention_apply(struct ops *ops, const struct self_attention *layer, struct self_attention_state *state,
                          const void *in, const struct attention_pattern *pattern);
// d_x[R,D]: the gradient of the output becomes that of the input.
void self_attention_backward(struct ops *ops, const struct self_attention *layer,
                             const struct self_attention_state *state, struct self_attention_scratch *scratch,
                             void *d_x, const void *in, const struct attention_pattern *pattern);
