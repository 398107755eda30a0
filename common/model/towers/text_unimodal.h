// The unimodal half: token embeddings with positions and the CLS embedding behind the last token, causal blocks, and
// the text embedding from the CLS row.
#pragma once

#include "model/layers/projection.h"
#include "model/layers/transformer.h"
#include "model/towers/text_rows.h"

struct unimodal_dims {
    struct transformer_dims transformer;
    int64_t E;
};

struct unimodal {
    struct unimodal_dims dims;
    struct weight token, position, cls; // [V,D], [T+1,D], [D]
    struct transformer transformer;
    struct norm ln_final;
    struct linear text_projection;
};

struct unimodal_state {
    void *embedded;                       // [R,D]
    struct transformer_state transformer; // its `out` are the token states
    void *cls;                            // [B,D]
    struct norm_state ln_final;           // of the CLS rows alone
    struct projection_state projection;
};

struct unimodal_scratch {
    void *d_x;            // [R,D]
    void *d_norm, *d_cls; // [B,D]
    struct projection_scratch projection;
    struct transformer_scratch transformer;
};

struct unimodal_dims unimodal_dims_of(const struct model_config *config);
void unimodal_find(struct unimodal *half, const struct params *params, const struct model_config *config);
void unimodal_release(struct unimodal *half);
void unimodal_plan(struct unimodal_state *state, const struct text_rows *rows, const struct unimodal_dims *dims,
                   struct planner *planner);
// The last piece of its region: the planner's arena ends below it.
void unimodal_plan_scratch(struct unimodal_scratch *scratch, const struct text_rows *rows,
                           const struct unimodal_dims *dims, struct planner *planner);

// → the token states, and state->ln_final.out of the CLS rows.
void unimodal_apply(struct ops *ops, const struct unimodal *half, struct unimodal_state *state,
                    const struct text_rows *rows);
// embedding f32 [B,E] on the host, or NULL.
void unimodal_project(struct ops *ops, const struct unimodal *half, struct unimodal_state *state, float *embedding,
                      const struct text_rows *rows);
// The host's d_embedding f32 [B,E] → scratch->d_norm.
void unimodal_project_backward(struct ops *ops, const struct unimodal *half, const struct unimodal_state *state,
                               struct unimodal_scratch *scratch, const float *d_embedding,
                               const struct text_rows *rows);
// d_states[targets,D]: the gradient of the token states by target row, or NULL. embedding: scratch->d_norm counts.
void unimodal_backward(struct ops *ops, const struct unimodal *half, const struct unimodal_state *state,
                       struct unimodal_scratch *scratch, const void *d_states, bool embedding,
                       const struct text_rows *rows);
