#include "model/vit.h"

struct vit_dims vit_dims_of(const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    return (struct vit_dims){
        .transformer = {.D = vision->width,
                        .hidden = mlp_width(vision->width, vision->mlp_ratio),
                        .heads = vision->width / vision->head_width,
                        .layers = vision->layers,
                        .activation = config->activation},
        .image_size = vision->image_size,
        .patch_size = vision->patch_size,
        .tokens = config_image_tokens(config)
    };
}

static int64_t patch_elements(const struct vit_dims *dims) {
    return 3 * dims->patch_size * dims->patch_size;
}

void vit_find(struct vit *vit, const struct params *params, const struct model_config *config) {
    vit->dims = vit_dims_of(config);
    vit->mean = config->vision.mean;
    vit->std = config->vision.std;
    vit->conv1 = (struct linear){.weight = params_weight(params, "visual.conv1.weight"),
                                 .I = patch_elements(&vit->dims),
                                 .O = vit->dims.transformer.D,
                                 .layout = WEIGHT_OUT_IN};
    vit->position = params_weight(params, "visual.positional_embedding");
    transformer_find(&vit->transformer, params, "visual.transformer", vit->dims.transformer);
    vit->ln_post = norm_find(params, "visual", "ln_post", vit->dims.transformer.D);
}

void vit_release(struct vit *vit) {
    transformer_release(&vit->transformer);
}

void vit_plan(struct vit_state *state, int B, const struct vit_dims *dims, struct planner *planner) {
    int64_t R = B * dims->tokens, W = dims->transformer.D;
    state->patches = plan_rows(planner, R, patch_elements(dims));
    state->embedded = plan_rows(planner, R, W);
    norm_plan(&state->ln_post, R, W, planner);
    transformer_plan(&state->transformer, state->embedded, R, &dims->transformer, planner);
}

void vit_plan_scratch(struct vit_scratch *scratch, int B, const struct vit_dims *dims, struct planner *planner) {
    int64_t R = B * dims->tokens;
    scratch->d_x = plan_rows(planner, R, dims->transformer.D);
    transformer_plan_scratch(&scratch->transformer, R, &dims->transformer, planner);
}

void vit_apply(struct ops *ops, const struct vit *vit, struct vit_state *state, const uint8_t *pixels,
               const struct attention_pattern *pattern) {
    const struct vit_dims *dims = &vit->dims;
    int64_t R = pattern->queries.rows, N = dims->tokens, W = dims->transformer.D;
    ops->patches(ops, state->patches, pixels, vit->mean, vit->std, pattern->B, dims->image_size, dims->patch_size);
    linear_apply(ops, &vit->conv1, state->embedded, state->patches, NULL, R);
    ops->add_rows(ops, state->embedded, state->embedded, vit->position.value, R, N, W);
    transformer_apply(ops, &vit->transformer, &state->transformer, state->embedded, pattern);
    norm_apply(ops, &vit->ln_post, &state->ln_post, state->transformer.out, R);
}

void vit_backward(struct ops *ops, const struct vit *vit, const struct vit_state *state, struct vit_scratch *scratch,
                  const void *d_tokens, const struct attention_pattern *pattern) {
    int64_t R = pattern->queries.rows, N = vit->dims.tokens, W = vit->dims.transformer.D;
    norm_backward(ops, &vit->ln_post, &state->ln_post, scratch->d_x, d_tokens, state->transformer.out, R, false);
    transformer_backward(ops, &vit->transformer, &state->transformer, &scratch->transformer, scratch->d_x,
                         state->embedded, pattern);
    ops->sum_rows(ops, vit->position.gradient, scratch->d_x, R, N, W);
    linear_weight_backward(ops, &vit->conv1, scratch->d_x, state->patches, R);
}
