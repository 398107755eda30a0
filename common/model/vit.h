// The image encoder: patches by conv1, learned positions, pre-LayerNorm blocks, ln_post over all tokens
// (Dosovitskiy et al. 2021, without class token).
#pragma once

#include "model/norm.h"
#include "model/transformer.h"

struct vit_dims {
    struct transformer_dims transformer;
    int64_t image_size, patch_size, tokens; // S, P, N = (S/P)²
};

struct vit {
    struct vit_dims dims;
    const float *mean, *std;
    struct linear conv1;
    struct weight position; // [N,W]
    struct transformer transformer;
    struct norm ln_post;
};

struct vit_state {
    void *patches;  // [B·N,3·P·P]
    void *embedded; // [B·N,W]
    struct transformer_state transformer;
    struct norm_state ln_post; // its `out` are the tokens
};

struct vit_scratch {
    void *d_x; // [B·N,W]
    struct transformer_scratch transformer;
};

struct vit_dims vit_dims_of(const struct model_config *config);
void vit_find(struct vit *vit, const struct params *params, const struct model_config *config);
void vit_release(struct vit *vit);
void vit_plan(struct vit_state *state, int B, const struct vit_dims *dims, struct planner *planner);
void vit_plan_scratch(struct vit_scratch *scratch, int B, const struct vit_dims *dims, struct planner *planner);

// pixels u8 [B,S,S,3] of the backend → state->ln_post.out.
void vit_apply(struct ops *ops, const struct vit *vit, struct vit_state *state, const uint8_t *pixels,
               const struct attention_pattern *pattern);
void vit_backward(struct ops *ops, const struct vit *vit, const struct vit_state *state, struct vit_scratch *scratch,
                  const void *d_tokens, const struct attention_pattern *pattern);
