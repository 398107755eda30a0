// Multi-head attention as torch.nn.MultiheadAttention packs it, between rows that may be ragged.
#pragma once

#include "model/layers/linear.h"
#include "model/layers/planner.h"
#include "model/layers/spans.h"

// Who attends to what. Self-attention has the same spans twice.
struct attention_pattern {
    int B;
    struct spans queries, keys;
    struct spans results;     // where results lie when samples share their query rows; start NULL: where queries lie
    bool causal;              // the last query is in line with the last key
    const uint8_t *key_valid; // by row of the keys, or NULL: all are valid
};

struct attention {
    struct linear qkv;   // the three in one, when keys are as wide as queries
    struct linear q, kv; // the same parameters, apart
    struct linear out;
    int64_t D; // width of queries and results
    int heads;
};

// Queries, keys and values of all heads.
struct attention_operands {
    void *q, *k, *v;
    int64_t q_stride, kv_stride; // elements between rows
};

struct attention_state {
    struct attention_operands in;
    void *mix; // [R,D], the heads' results side by side
    real *lse; // [R,heads]; NULL without training
};

struct attention_scratch {
    struct attention_operands d_in;
    void *d_mix; // [R,D]
};

// K: width of keys and values. `prefix` is what stands before ".in_proj_bias".
struct attention attention_find(const struct params *params, const char *prefix, int64_t D, int64_t K, int heads);

// q, k and v from one matrix [R,3D], or q from [Rq,D] and k and v from [Rk,2D].
struct attention_operands operands_packed(void *qkv, int64_t D, enum dtype dtype);
struct attention_operands operands_apart(void *q, void *kv, int64_t D, enum dtype dtype);

// Plans mix and lse for R result rows; the operands are the caller's.
void attention_plan(struct attention_state *state, int64_t R, int64_t D, int heads, struct planner *planner);

// out[R,D] = attention over state->in, projected, plus residual (NULL or out itself allowed).
void attention_apply(struct ops *ops, const struct attention *attention, struct attention_state *state, void *out,
                     const void *residual, const struct attention_pattern *pattern);
// scratch->d_in from d_out[R,D].
void attention_backward(struct ops *ops, const struct attention *attention, const struct attention_state *state,
                        struct attention_scratch *scratch, const void *d_out, const struct attention_pattern *pattern);
