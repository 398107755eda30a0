// Means over the rows of a group, for heads whose pooler asks with several queries. A mean is what attention gives to a
// query of zeros: its score with every key is 0, softmax of equal scores is 1/n, and the result is Σ_i value_i / n. The
// gradient of the values is d_out/n, that of the keys dS·query = 0; so the rows are keys and values at once, and all
// backends have the sum in f32 already.
#include "model/layers/row_mean.h"

void row_mean_plan_lists(struct row_mean *mean, int G, int n, int64_t D, int heads, struct planner *planner) {
    mean->D = D;
    mean->heads = heads;
    spans_plan(&mean->ask, G, 1, planner);
    spans_plan(&mean->in, G, n, planner);
    spans_plan(&mean->mean, G, 1, planner);
}

void row_mean_fill_lists(struct ops *ops, const struct row_mean *mean, int G) {
    spans_fill(ops, &mean->ask, G, 0);
    spans_fill(ops, &mean->in, G, mean->in.max);
    spans_fill(ops, &mean->mean, G, 1);
}

void row_mean_plan(struct row_mean_state *state, const struct row_mean *mean, int G, struct planner *planner) {
    state->question = plan_rows(planner, 1, mean->D);
    state->out = plan_rows(planner, G, mean->D);
    state->lse = plan_reals(planner, G * mean->heads);
}

void row_mean_plan_scratch(struct row_mean_scratch *scratch, const struct row_mean *mean, int G,
                           struct planner *planner) {
    scratch->d_in = plan_rows(planner, (int64_t)G * mean->in.max, mean->D);
    scratch->d_ask = plan_rows(planner, G, mean->D);
    scratch->d_keys = plan_rows(planner, (int64_t)G * mean->in.max, mean->D);
}

static struct attention_shape shape_of(const struct row_mean *mean, int G) {
    return (struct attention_shape){.B = G,
                                    .H = mean->heads,
                                    .width = (int)(mean->D / mean->heads),
                                    .q_stride = mean->D,
                                    .kv_stride = mean->D,
                                    .out_stride = mean->D,
                                    .q_max = 1,
                                    .k_max = mean->in.max,
                                    .q_start = mean->ask.start,
                                    .q_count = mean->ask.count,
                                    .k_start = mean->in.start,
                                    .k_count = mean->in.count,
                                    .out_start = mean->mean.start};
}

void row_mean_apply(struct ops *ops, const struct row_mean *mean, struct row_mean_state *state, const void *in, int G) {
    struct attention_shape shape = shape_of(mean, G);
    ops->zero(ops, state->question, (size_t)mean->D * dtype_size(ops->dtype));
    ops->attention_forward(ops, state->out, state->lse, state->question, in, in, &shape);
}

void row_mean_backward(struct ops *ops, const struct row_mean *mean, const struct row_mean_state *state,
                       struct row_mean_scratch *scratch, const void *d_out, const void *in, int G) {
    struct attention_shape shape = shape_of(mean, G);
    ops->attention_backward(ops, scratch->d_ask, scratch->d_keys, scratch->d_in, d_out, state->question, in, in,
                            state->out, state->lse, &shape);
}
