// The multimodal half: a layer is causal self-attention, with open_clip's family an MLP, cross-attention to the
// picture's features, and an MLP; then ln_final and the caption head.
#pragma once

#include "model/layers/caption_head.h"
#include "model/layers/cross_attention.h"
#include "model/layers/mlp.h"
#include "model/layers/self_attention.h"
#include "model/towers/text_rows.h"

struct multimodal_dims {
    int64_t D, hidden, V;
    int heads, layers, N; // N: feature rows of a picture
    enum activation activation;
    bool self_mlp;
};

struct decoder_layer {
    struct self_attention self;
    struct mlp self_mlp; // with dims.self_mlp
    struct cross_attention cross;
    struct mlp mlp;
};

struct decoder_layer_state {
    struct self_attention_state self;
    struct mlp_state self_mlp;
    void *attended; // [R,D], what goes into the cross-attention
    struct cross_attention_state cross;
    struct mlp_state mlp;
};

struct multimodal {
    struct multimodal_dims dims;
    struct decoder_layer *layer; // [layers]
    struct norm ln_final;
    struct linear text_projection; // [D,V]
};

struct multimodal_state {
    void *features;                    // [B·N,D]
    void *in;                          // [R,D], the token states of the target rows
    struct decoder_layer_state *layer; // [layers]
    void *out;                         // [R,D]
    struct norm_state ln_final;
};

struct multimodal_scratch {
    void *d_features; // [B·N,D]
    void *d_norm;     // [R,D]
    struct self_attention_scratch self;
    struct cross_attention_scratch cross;
    struct mlp_scratch mlp;
};

struct multimodal_dims multimodal_dims_of(const struct model_config *config);
void multimodal_find(struct multimodal *half, const struct params *params, const struct model_config *config);
void multimodal_release(struct multimodal *half);

void multimodal_state_init(struct multimodal_state *state, int layers);
void multimodal_state_release(struct multimodal_state *state);
void multimodal_plan(struct multimodal_state *state, const struct text_rows *rows, const struct multimodal_dims *dims,
                     struct planner *planner);
// The last piece of its region: the planner's arena ends below it.
void multimodal_plan_scratch(struct multimodal_scratch *scratch, const struct text_rows *rows,
                             const struct multimodal_dims *dims, struct planner *planner);

// state->features and states[states,D] → state->ln_final.out by target row.
void multimodal_apply(struct ops *ops, const struct multimodal *half, struct multimodal_state *state,
                      const void *states, const struct text_rows *rows);
// scratch->d_norm, which the head left, → d_states[targets,D] and scratch->d_features.
void multimodal_backward(struct ops *ops, const struct multimodal *half, const struct multimodal_state *state,
                         struct multimodal_scratch *scratch, void *d_states, const struct text_rows *rows);
