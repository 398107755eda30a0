// From pixels to the rows that the ViT's blocks read: patches by conv1, with open_clip's family the class token before
// a picture's first one, learned positions, and there ln_pre.
#pragma once

#include "model/layers/linear.h"
#include "model/layers/norm.h"
#include "model/layers/split.h"

struct vit_embedding_dims {
    int64_t image_size, patch_size, W; // S, P
    int64_t patches, tokens;           // of a picture: (S/P)², and N with the class token
    bool class_token, ln_pre;
};

struct vit_embedding {
    struct vit_embedding_dims dims;
    const float *mean, *std;
    struct linear conv1;
    struct weight class_embedding, position; // [W], [N,W]
    struct norm ln_pre;
    struct split split; // class token, patches
};

struct vit_embedding_state {
    void *patches;            // [B·patches,3·P·P]
    void *projected;          // [B·patches,W]; `embedded` without class token
    void *class_rows;         // [B,W]
    void *embedded;           // [B·N,W]
    struct norm_state ln_pre; // of `embedded`
    void *out;                // [B·N,W]
};

struct vit_embedding_scratch {
    void *d_embedded;  // [B·N,W], with ln_pre
    void *d_class;     // [B,W]
    void *d_projected; // [B·patches,W]
};

struct vit_embedding_dims vit_embedding_dims_of(const struct model_config *config);
void vit_embedding_find(struct vit_embedding *embedding, const struct params *params,
                        const struct model_config *config);
void vit_embedding_plan_lists(struct vit_embedding *embedding, int B, const struct vit_embedding_dims *dims,
                              struct planner *planner);
void vit_embedding_fill_lists(struct ops *ops, const struct vit_embedding *embedding, int B);
void vit_embedding_plan(struct vit_embedding_state *state, int B, const struct vit_embedding_dims *dims,
                        struct planner *planner);
void vit_embedding_plan_scratch(struct vit_embedding_scratch *scratch, int B, const struct vit_embedding_dims *dims,
                                struct planner *planner);

// pixels u8 [B,S,S,3] of the backend → state->out.
void vit_embedding_apply(struct ops *ops, const struct vit_embedding *embedding, struct vit_embedding_state *state,
                         const uint8_t *pixels, int B);
void vit_embedding_backward(struct ops *ops, const struct vit_embedding *embedding,
                            const struct vit_embedding_state *state, struct vit_embedding_scratch *scratch,
                            const void *d_out, int B);
