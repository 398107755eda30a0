// A stack of pre-LayerNorm blocks, each self-attention and an MLP: the ViT and the unimodal half.
#pragma once

#include "model/layers/mlp.h"
#include "model/layers/self_attention.h"

struct transformer_dims {
    int64_t D, hidden; // widths of the stream and of the MLP
    int heads, layers;
    enum activation activation;
};

struct block {
    struct self_attention attention;
    struct mlp mlp;
    int first, count; // of the part's tensors
};

struct block_state {
    struct self_attention_state attention;
    struct mlp_state mlp;
};

struct transformer {
    const struct params *params;
    struct transformer_dims dims;
    struct block *block; // [layers]
};

struct transformer_state {
    struct block_state *block; // [layers]
    void *out;                 // [R,D]
};

struct transformer_scratch { // of one block; the two share their place
    struct self_attention_scratch attention;
    struct mlp_scratch mlp;
};

void transformer_find(struct transformer *transformer, const struct params *params, const char *prefix,
                      struct transformer_dims dims);
void transformer_release(struct transformer *transformer);

void transformer_state_init(struct transformer_state *state, int layers);
void transformer_state_release(struct transformer_state *state);
void transformer_plan(struct transformer_state *state, void *in, int64_t R, const struct transformer_dims *dims,
                      struct planner *planner);
void transformer_plan_scratch(struct transformer_scratch *scratch, int64_t R, const struct transformer_dims *dims,
                              struct planner *planner);

// in[R,D] → state->out; R is the pattern's.
void transformer_apply(struct ops *ops, const struct transformer *transformer, struct transformer_state *state,
                       const void *in, const struct attention_pattern *pattern);
// d_x[R,D]: the gradient of the output becomes that of the input.
void transformer_backward(struct ops *ops, const struct transformer *transformer, const struct transformer_state *state,
                          struct transformer_scratch *scratch, void *d_x, const void *in,
                          const struct attention_pattern *pattern);
