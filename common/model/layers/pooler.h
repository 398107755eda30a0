// Attentional pooling: a few learned queries attend to a picture's tokens (open_clip's AttentionalPooler).
#pragma once

#include "model/layers/attention.h"
#include "model/layers/norm.h"

struct pooler_dims {
    int64_t Q, D, K; // queries of width D, tokens of width K
    int heads;
};

struct pooler {
    struct pooler_dims dims;
    struct weight query; // [Q,D]
    struct norm norm_q, norm_k;
    struct attention attention;
};

struct pooler_state {
    struct norm_state norm_q, norm_k; // of [Q,D] and [Rk,K]
    struct attention_state attention;
    void *out; // [B·Q,D]
};

struct pooler_scratch {
    struct attention_scratch attention; // d_in.q has a row for each of the B·Q results
    real *d_q_sum;                      // [Q,D], over the pictures …
    void *d_q, *d_norm_q, *d_query;     // [Q,D], … and back to the parameter
    void *d_norm_k;                     // [Rk,K]
};

struct pooler pooler_find(const struct params *params, const char *prefix, struct pooler_dims dims);
// B pictures, Rk token rows in all.
void pooler_plan(struct pooler_state *state, int B, int64_t Rk, const struct pooler_dims *dims,
                 struct planner *planner);
void pooler_plan_scratch(struct pooler_scratch *scratch, int B, int64_t Rk, const struct pooler_dims *dims,
                         struct planner *planner);

// The pattern's queries are rows 0 … Q of every picture, its results their rows in state->out.
void pooler_apply(struct ops *ops, const struct pooler *pooler, struct pooler_state *state, const void *tokens,
                  const struct attention_pattern *pattern);
// d_tokens[Rk,K] becomes the gradient of the tokens, or is added to with `accumulate`.
void pooler_backward(struct ops *ops, const struct pooler *pooler, const struct pooler_state *state,
                     struct pooler_scratch *scratch, void *d_tokens, const void *d_out, const void *tokens,
                     const struct attention_pattern *pattern, bool accumulate);
