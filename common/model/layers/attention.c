// The middle of every attention layer: heads over rows that are projected already, and the projection of their results.
// self_attention.c, cross_attention.c, pooler.c and the cached decoder make the queries, keys and values and come here;
// the softmax is one operation of the backend, and no matrix of scores goes into it or comes out. PyTorch packs the
// three input projections into one matrix. Here they are views into it, so that one product makes all three where they
// read the same rows, and queries are made apart from keys and values where they do not.
#include "model/layers/attention.h"

static struct linear part_of(struct weight weight, struct weight bias, int64_t I, int64_t O) {
    return (struct linear){.weight = weight, .bias = bias, .I = I, .O = O, .layout = WEIGHT_OUT_IN};
}

// in_proj_weight is [3D,D]: its rows 0 … D make the queries, D … 2D the keys, 2D … 3D the values, and the bias [3D]
// likewise. So keys and values together begin D·D elements into the weight and D elements into the bias. Keys of
// another width than queries (K ≠ D: a pooler over the ViT's tokens) cannot share the matrix: there are three weights
// [D,D], [D,K], [D,K], but still one bias.
struct attention attention_find(const struct params *params, const char *prefix, int64_t D, int64_t K, int heads) {
    char name[TENSOR_NAME];
    param_name(name, "%s.out_proj", prefix);
    struct attention attention = {.out = linear_find(params, name, D, D), .D = D, .heads = heads};
    enum dtype dtype = params->ops->dtype;
    struct weight bias = params_weight(params, "%s.in_proj_bias", prefix), kv_bias = weight_at(bias, dtype, D);
    if (K == D) {
        struct weight packed = params_weight(params, "%s.in_proj_weight", prefix);
        attention.qkv = part_of(packed, bias, D, 3 * D);
        attention.q = part_of(packed, bias, D, D);
        attention.kv = part_of(weight_rows(packed, dtype, D, D), kv_bias, D, 2 * D);
    } else {
        attention.q = part_of(params_weight(params, "%s.q_proj_weight", prefix), bias, D, D);
        // v_proj_weight is laid out directly behind k_proj_weight
        attention.kv = part_of(params_weight(params, "%s.k_proj_weight", prefix), kv_bias, K, 2 * D);
    }
    return attention;
}

// A row of qkv is q | k | v, D elements each; head h has the elements h·width … of each part. d_qkv lies alike, so that
// the gradient of all three goes back through the packed matrix in one product.
struct attention_operands operands_packed(void *qkv, int64_t D, enum dtype dtype) {
    return (struct attention_operands){qkv, element_at(qkv, dtype, D), element_at(qkv, dtype, 2 * D), 3 * D, 3 * D};
}

struct attention_operands operands_apart(void *q, void *kv, int64_t D, enum dtype dtype) {
    return (struct attention_operands){q, kv, element_at(kv, dtype, D), D, 2 * D};
}

// The backward pass needs neither the scores S nor the probabilities P = softmax(S). P is made again from S and lse =
// log Σ exp(S), one number a query and head; and of dS = P ∘ (dP − Σ_j P·dP) the inner sum is d_mix · mix, since mix =
// P·V and dP = d_mix·Vᵀ. Hence mix and lse are kept, and their size does not grow with the number of keys.
void attention_plan(struct attention_state *state, int64_t R, int64_t D, int heads, struct planner *planner) {
    state->mix = plan_rows(planner, R, D);
    state->lse = planner->train ? plan_reals(planner, R * heads) : NULL;
}

// Causal means j <= i + k_count − q_count: the last query is in line with the last key. With the same spans on both
// sides (a whole caption) that is the triangle j <= i. Where queries are only the newest rows of a sequence whose keys
// are all there, it is still right: q_count = 1 gives j <= k_count − 1, all keys, which is why the cached decoder needs
// no mask. Counts are of each sample, so ragged samples need no padding.
static struct attention_shape mix_shape(const struct attention *attention, const struct attention_operands *in,
                                        const struct attention_pattern *pattern) {
    return (struct attention_shape){.B = pattern->B,
                                    .H = attention->heads,
                                    .width = (int)(attention->D / attention->heads),
                                    .q_stride = in->q_stride,
                                    .kv_stride = in->kv_stride,
                                    .out_stride = attention->D,
                                    .q_max = pattern->queries.max,
                                    .k_max = pattern->keys.max,
                                    .causal = pattern->causal,
                                    .q_start = pattern->queries.start,
                                    .q_count = pattern->queries.count,
                                    .k_start = pattern->keys.start,
                                    .k_count = pattern->keys.count,
                                    .out_start = pattern->results.start,
                                    .key_valid = pattern->key_valid};
}

// A pooler's queries are shared by all pictures, so there are more rows of results than of queries.
static int64_t result_rows(const struct attention_pattern *pattern) {
    return pattern->results.start ? pattern->results.rows : pattern->queries.rows;
}

void attention_apply(struct ops *ops, const struct attention *attention, struct attention_state *state, void *out,
                     const void *residual, const struct attention_pattern *pattern) {
    const struct attention_operands *in = &state->in;
    struct attention_shape shape = mix_shape(attention, in, pattern);
    ops->attention_forward(ops, state->mix, state->lse, in->q, in->k, in->v, &shape);
    linear_apply(ops, &attention->out, out, state->mix, residual, result_rows(pattern));
}

// mix is the input of the output projection as well as the `out` of the heads. d_out is read only: where the layer has
// a residual, the caller adds what comes back to it.
void attention_backward(struct ops *ops, const struct attention *attention, const struct attention_state *state,
                        struct attention_scratch *scratch, const void *d_out, const struct attention_pattern *pattern) {
    const struct attention_operands *in = &state->in, *d_in = &scratch->d_in;
    struct attention_shape shape = mix_shape(attention, in, pattern);
    linear_backward(ops, &attention->out, scratch->d_mix, d_out, state->mix, result_rows(pattern));
    ops->attention_backward(ops, d_in->q, d_in->k, d_in->v, scratch->d_mix, in->q, in->k, in->v, state->mix, state->lse,
                            &shape);
}
