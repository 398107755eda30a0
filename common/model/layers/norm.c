// LayerNorm over the rows of a matrix. It reads weight and bias from the f32 masters even where all else computes in
// bf16: they are few, so that not rounding them costs nothing. Mean and reciprocal deviation of each row are kept, so
// that the backward pass reads its input once.
#include "model/layers/norm.h"

struct norm norm_find(const struct params *params, const char *prefix, const char *name, int64_t D) {
    return (struct norm){params_weight(params, "%s.%s.weight", prefix, name),
                         params_weight(params, "%s.%s.bias", prefix, name), D};
}

void norm_plan(struct norm_state *state, int64_t R, int64_t D, struct planner *planner) {
    state->out = plan_rows(planner, R, D);
    state->mean = plan_reals(planner, R);
    state->rstd = plan_reals(planner, R);
}

void norm_apply(struct ops *ops, const struct norm *norm, struct norm_state *state, const void *in, int64_t R) {
    ops->layernorm_forward(ops, state->out, state->mean, state->rstd, in, norm->weight.master, norm->bias.master, R,
                           norm->D);
}

void norm_backward(struct ops *ops, const struct norm *norm, const struct norm_state *state, void *d_in,
                   const void *d_out, const void *in, int64_t R, bool accumulate) {
    ops->layernorm_backward(ops, d_in, norm->weight.gradient, norm->bias.gradient, d_out, in, norm->weight.master,
                            state->mean, state->rstd, R, norm->D, accumulate);
}
