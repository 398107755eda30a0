// The layer by which captions see pictures: queries from the text's rows, keys and values from the features. The
// multimodal half runs it over whole captions, the cached decoder over the newest tokens alone; for the latter the
// features' part is a call of its own, made once a picture and not once a token.
#include "model/layers/cross_attention.h"

struct cross_attention cross_attention_find(const struct params *params, const char *prefix, int64_t D, int heads) {
    char name[TENSOR_NAME];
    param_name(name, "%s.attn", prefix);
    return (struct cross_attention){norm_find(params, prefix, "ln_1", D), norm_find(params, prefix, "ln_1_kv", D),
                                    attention_find(params, name, D, D, heads)};
}

void cross_attention_plan(struct cross_attention_state *state, void *in, int64_t R, int64_t Rk, int64_t D, int heads,
                          struct planner *planner) {
    state->out = planner->train ? plan_rows(planner, R, D) : in;
    norm_plan(&state->norm, R, D, planner);
    norm_plan(&state->norm_kv, Rk, D, planner);
    void *q = plan_rows(planner, R, D), *kv = plan_rows(planner, Rk, 2 * D);
    state->attention.in = operands_apart(q, kv, D, planner->dtype);
    attention_plan(&state->attention, R, D, heads, planner);
}

void cross_attention_plan_scratch(struct cross_attention_scratch *scratch, int64_t R, int64_t Rk, int64_t D,
                                  struct planner *planner) {
    scratch->d_norm = plan_rows(planner, R, D);
    scratch->d_norm_kv = plan_rows(planner, Rk, D);
    void *d_q = plan_rows(planner, R, D), *d_kv = plan_rows(planner, Rk, 2 * D);
    scratch->attention.d_in = operands_apart(d_q, d_kv, D, planner->dtype);
    scratch->attention.d_mix = plan_rows(planner, R, D);
}

void cross_attention_read(struct ops *ops, const struct cross_attention *layer, struct cross_attention_state *state,
                          const void *features, int64_t Rk) {
    norm_apply(ops, &layer->norm_kv, &state->norm_kv, features, Rk);
    linear_apply(ops, &layer->attention.kv, state->attention.in.k, state->norm_kv.out, NULL, Rk);
}

void cross_attention_apply(struct ops *ops, const struct cross_attention *layer, struct cross_attention_state *state,
                           const void *in, const struct attention_pattern *pattern) {
    int64_t R = pattern->queries.rows;
    norm_apply(ops, &layer->norm, &state->norm, in, R);
    linear_apply(ops, &layer->attention.q, state->attention.in.q, state->norm.out, NULL, R);
    attention_apply(ops, &layer->attention, &state->attention, state->out, in, pattern);
}

// out = x + O(attn(q(ln_1(x)), kv(ln_1_kv(f)))). d_x enters as ∂L/∂out and is, by the residual, already one summand of
// ∂L/∂x; the branch's part is added by the LayerNorm's backward pass. All layers read the same features, so each adds
// to d_features, which the caller clears; layers come in descending order, always.
void cross_attention_backward(struct ops *ops, const struct cross_attention *layer,
                              const struct cross_attention_state *state, struct cross_attention_scratch *scratch,
                              void *d_x, void *d_features, const void *in, const void *features,
                              const struct attention_pattern *pattern) {
    int64_t R = pattern->queries.rows, Rk = pattern->keys.rows;
    const struct attention_operands *d_in = &scratch->attention.d_in;
    attention_backward(ops, &layer->attention, &state->attention, &scratch->attention, d_x, pattern);
    linear_backward(ops, &layer->attention.q, scratch->d_norm, d_in->q, state->norm.out, R);
    norm_backward(ops, &layer->norm, &state->norm, d_x, scratch->d_norm, in, R, true);
    linear_backward(ops, &layer->attention.kv, scratch->d_norm_kv, d_in->k, state->norm_kv.out, Rk);
    norm_backward(ops, &layer->norm_kv, &state->norm_kv, d_features, scratch->d_norm_kv, features, Rk, true);
}
