// The image encoder: embedded patches through pre-LayerNorm blocks (Dosovitskiy et al. 2021).
#pragma once

#include "model/layers/transformer.h"
#include "model/layers/vit_embedding.h"

struct vit_dims {
    struct vit_embedding_dims embedding;
    struct transformer_dims transformer;
};

struct vit {
    struct vit_embedding embedding;
    struct transformer transformer;
};

struct vit_state {
    struct vit_embedding_state embedding;
    struct transformer_state transformer; // its `out` are the tokens [B·N,W]
};

struct vit_scratch {
    struct vit_embedding_scratch embedding;
    struct transformer_scratch transformer;
};

struct vit_dims vit_dims_of(const struct model_config *config);
void vit_find(struct vit *vit, const struct params *params, const struct model_config *config);
void vit_release(struct vit *vit);
void vit_plan(struct vit_state *state, int B, const struct vit_dims *dims, struct planner *planner);
// The last piece of its region: the planner's arena ends below it.
void vit_plan_scratch(struct vit_scratch *scratch, int B, const struct vit_dims *dims, struct planner *planner);

// pixels u8 [B,S,S,3] of the backend → state->transformer.out.
void vit_apply(struct ops *ops, const struct vit *vit, struct vit_state *state, const uint8_t *pixels,
               const struct attention_pattern *pattern);
// d_x[B·N,W]: the gradient of the tokens, overwritten.
void vit_backward(struct ops *ops, const struct vit *vit, const struct vit_state *state, struct vit_scratch *scratch,
                  void *d_x, const struct attention_pattern *pattern);
