// The image encoder up to the tokens; what they are pooled into is image_pool.c's. It only ties the embedding of
// patches to the blocks, and lets their scratch share one place: going back, the blocks are done before the embedding
// begins.
#include "model/layers/vit.h"

struct vit_dims vit_dims_of(const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    return (struct vit_dims){.embedding = vit_embedding_dims_of(config),
                             .transformer = {.D = vision->width,
                                             .hidden = mlp_width(vision->width, vision->mlp_ratio),
                                             .heads = vision->width / vision->head_width,
                                             .layers = vision->layers,
                                             .activation = config->activation}};
}

void vit_find(struct vit *vit, const struct params *params, const struct model_config *config) {
    vit_embedding_find(&vit->embedding, params, config);
    transformer_find(&vit->transformer, params, "visual.transformer", vit_dims_of(config).transformer);
}

void vit_release(struct vit *vit) {
    transformer_release(&vit->transformer);
}

void vit_plan(struct vit_state *state, int B, const struct vit_dims *dims, struct planner *planner) {
    vit_embedding_plan(&state->embedding, B, &dims->embedding, planner);
    transformer_plan(&state->transformer, state->embedding.out, B * dims->embedding.tokens, &dims->transformer,
                     planner);
}

void vit_plan_scratch(struct vit_scratch *scratch, int B, const struct vit_dims *dims, struct planner *planner) {
    size_t mark = arena_mark(planner->arena);
    vit_embedding_plan_scratch(&scratch->embedding, B, &dims->embedding, planner);
    arena_reset(planner->arena, mark);
    transformer_plan_scratch(&scratch->transformer, B * dims->embedding.tokens, &dims->transformer, planner);
}

void vit_apply(struct ops *ops, const struct vit *vit, struct vit_state *state, const uint8_t *pixels,
               const struct attention_pattern *pattern) {
    vit_embedding_apply(ops, &vit->embedding, &state->embedding, pixels, pattern->B);
    transformer_apply(ops, &vit->transformer, &state->transformer, state->embedding.out, pattern);
}

void vit_backward(struct ops *ops, const struct vit *vit, const struct vit_state *state, struct vit_scratch *scratch,
                  void *d_x, const struct attention_pattern *pattern) {
    transformer_backward(ops, &vit->transformer, &state->transformer, &scratch->transformer, d_x, state->embedding.out,
                         pattern);
    vit_embedding_backward(ops, &vit->embedding, &state->embedding, &scratch->embedding, d_x, pattern->B);
}
