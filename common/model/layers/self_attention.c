// The first branch of every block, of the ViT and of both text halves. Queries, keys and values read the same rows, so
// one product with the packed matrix makes them. The cached decoder, which has keys of earlier tokens, takes the
// parameters from here but runs the pieces itself.
#include "model/layers/self_attention.h"

struct self_attention self_attention_find(const struct params *params, const char *prefix, int64_t D, int heads) {
    char name[TENSOR_NAME];
    param_name(name, "%s.attn", prefix);
    return (struct self_attention){norm_find(params, prefix, "ln_1", D), attention_find(params, name, D, D, heads)};
}

// As in mlp.c: without training the stream is one matrix that each branch adds to in place.
void self_attention_plan(struct self_attention_state *state, void *in, int64_t R, int64_t D, int heads,
                         struct planner *planner) {
    state->out = planner->train ? plan_rows(planner, R, D) : in;
    norm_plan(&state->norm, R, D, planner);
    state->attention.in = operands_packed(plan_rows(planner, R, 3 * D), D, planner->dtype);
    attention_plan(&state->attention, R, D, heads, planner);
}

void self_attention_plan_scratch(struct self_attention_scratch *scratch, int64_t R, int64_t D,
                                 struct planner *planner) {
    scratch->d_norm = plan_rows(planner, R, D);
    scratch->attention.d_in = operands_packed(plan_rows(planner, R, 3 * D), D, planner->dtype);
    scratch->attention.d_mix = plan_rows(planner, R, D);
}

void self_attention_apply(struct ops *ops, const struct self_attention *layer, struct self_attention_state *state,
                          const void *in, const struct attention_pattern *pattern) {
    int64_t R = pattern->queries.rows;
    norm_apply(ops, &layer->norm, &state->norm, in, R);
    linear_apply(ops, &layer->attention.qkv, state->attention.in.q, state->norm.out, NULL, R);
    attention_apply(ops, &layer->attention, &state->attention, state->out, in, pattern);
}

// out = x + attn(ln_1(x)): d_x is ∂L/∂out, stays as the residual's part of ∂L/∂x, and gets the branch's added at the
// end. d_in.q is where the packed gradient [R,3D] begins.
void self_attention_backward(struct ops *ops, const struct self_attention *layer,
                             const struct self_attention_state *state, struct self_attention_scratch *scratch,
                             void *d_x, const void *in, const struct attention_pattern *pattern) {
    int64_t R = pattern->queries.rows;
    attention_backward(ops, &layer->attention, &state->attention, &scratch->attention, d_x, pattern);
    linear_backward(ops, &layer->attention.qkv, scratch->d_norm, scratch->attention.d_in.q, state->norm.out, R);
    norm_backward(ops, &layer->norm, &state->norm, d_x, scratch->d_norm, in, R, true);
}
