// A pooler is cross-attention whose queries are parameters: Q rows that every picture is asked with. image_pool.c puts
// one or two of them behind the ViT. There is no residual, as results have other rows than the tokens. Queries are
// projected once per pass and lie in the rows 0 … Q; the pattern makes all pictures read them, each with results of its
// own.
#include "model/layers/pooler.h"

struct pooler pooler_find(const struct params *params, const char *prefix, struct pooler_dims dims) {
    char name[TENSOR_NAME];
    param_name(name, "%s.attn", prefix);
    return (struct pooler){dims, params_weight(params, "%s.query", prefix), norm_find(params, prefix, "ln_q", dims.D),
                           norm_find(params, prefix, "ln_k", dims.K),
                           attention_find(params, name, dims.D, dims.K, dims.heads)};
}

void pooler_plan(struct pooler_state *state, int B, int64_t Rk, const struct pooler_dims *dims,
                 struct planner *planner) {
    int64_t Q = dims->Q, D = dims->D;
    state->out = plan_rows(planner, B * Q, D);
    norm_plan(&state->norm_q, Q, D, planner);
    norm_plan(&state->norm_k, Rk, dims->K, planner);
    void *q = plan_rows(planner, Q, D), *kv = plan_rows(planner, Rk, 2 * D);
    state->attention.in = operands_apart(q, kv, D, planner->dtype);
    attention_plan(&state->attention, B * Q, D, dims->heads, planner);
}

void pooler_plan_scratch(struct pooler_scratch *scratch, int B, int64_t Rk, const struct pooler_dims *dims,
                         struct planner *planner) {
    int64_t Q = dims->Q, D = dims->D;
    void *d_q = plan_rows(planner, B * Q, D), *d_kv = plan_rows(planner, Rk, 2 * D);
    scratch->attention.d_in = operands_apart(d_q, d_kv, D, planner->dtype);
    scratch->attention.d_mix = plan_rows(planner, B * Q, D);
    scratch->d_q_sum = plan_reals(planner, Q * D);
    scratch->d_q = plan_rows(planner, Q, D);
    scratch->d_norm_q = plan_rows(planner, Q, D);
    scratch->d_query = plan_rows(planner, Q, D);
    scratch->d_norm_k = plan_rows(planner, Rk, dims->K);
}

void pooler_apply(struct ops *ops, const struct pooler *pooler, struct pooler_state *state, const void *tokens,
                  const struct attention_pattern *pattern) {
    const struct attention *attention = &pooler->attention;
    const struct attention_operands *in = &state->attention.in;
    norm_apply(ops, &pooler->norm_q, &state->norm_q, pooler->query.value, pooler->dims.Q);
    linear_apply(ops, &attention->q, in->q, state->norm_q.out, NULL, pooler->dims.Q);
    norm_apply(ops, &pooler->norm_k, &state->norm_k, tokens, pattern->keys.rows);
    linear_apply(ops, &attention->kv, in->k, state->norm_k.out, NULL, pattern->keys.rows);
    attention_apply(ops, attention, &state->attention, state->out, NULL, pattern);
}

// With q = W_q·ln_q(query) and L = Σ_b L_b(q, k_b, v_b), ∂L/∂q = Σ_b ∂L_b/∂q. The attention leaves the summands apart,
// one block of Q rows a picture: threads that added to one block would do so in any order. Row r of [B·Q] belongs to
// query r mod Q, which is what sum_rows adds by, in f32 and in order of the pictures. Then it is one small backward
// pass over Q rows: the projection, ln_q, and the sum into the parameter's gradient.
// All pictures share the queries, so their gradient is a sum over the pictures.
static void query_backward(struct ops *ops, const struct pooler *pooler, const struct pooler_state *state,
                           struct pooler_scratch *scratch, int64_t result_rows) {
    int64_t Q = pooler->dims.Q, D = pooler->dims.D;
    ops->zero(ops, scratch->d_q_sum, (size_t)(Q * D) * sizeof(real));
    ops->sum_rows(ops, scratch->d_q_sum, scratch->attention.d_in.q, result_rows, Q, D);
    ops->convert(ops, scratch->d_q, ops->dtype, scratch->d_q_sum, DT_REAL, Q * D);
    linear_backward(ops, &pooler->attention.q, scratch->d_norm_q, scratch->d_q, state->norm_q.out, Q);
    norm_backward(ops, &pooler->norm_q, &state->norm_q, scratch->d_query, scratch->d_norm_q, pooler->query.value, Q,
                  false);
    ops->sum_rows(ops, pooler->query.gradient, scratch->d_query, Q, Q, D);
}

// Where two poolers read the same tokens, the second adds to the gradient that the first wrote.
void pooler_backward(struct ops *ops, const struct pooler *pooler, const struct pooler_state *state,
                     struct pooler_scratch *scratch, void *d_tokens, const void *d_out, const void *tokens,
                     const struct attention_pattern *pattern, bool accumulate) {
    attention_backward(ops, &pooler->attention, &state->attention, &scratch->attention, d_out, pattern);
    query_backward(ops, pooler, state, scratch, pattern->results.rows);
    linear_backward(ops, &pooler->attention.kv, scratch->d_norm_k, scratch->attention.d_in.k, state->norm_k.out,
                    pattern->keys.rows);
    norm_backward(ops, &pooler->norm_k, &state->norm_k, d_tokens, scratch->d_norm_k, tokens, pattern->keys.rows,
                  accumulate);
}
