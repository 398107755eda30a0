// The convolution conv1 has its stride equal to its kernel, so patches do not overlap and it is a linear map of each
// patch's 3·P·P numbers. The backend cuts and normalises the pixels into such rows, elements in conv1's order (channel,
// y, x), and an ordinary product does the rest. Pixels have no gradient, so the way back ends at the weight.
#include "model/layers/vit_embedding.h"

struct vit_embedding_dims vit_embedding_dims_of(const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    return (struct vit_embedding_dims){.image_size = vision->image_size,
                                       .patch_size = vision->patch_size,
                                       .W = vision->width,
                                       .patches = config_patches(config),
                                       .tokens = config_image_tokens(config),
                                       .class_token = vision->class_token,
                                       .ln_pre = vision->ln_pre};
}

static int64_t patch_elements(const struct vit_embedding_dims *dims) {
    return 3 * dims->patch_size * dims->patch_size;
}

void vit_embedding_find(struct vit_embedding *embedding, const struct params *params,
                        const struct model_config *config) {
    struct vit_embedding_dims dims = embedding->dims = vit_embedding_dims_of(config);
    embedding->mean = config->vision.mean;
    embedding->std = config->vision.std;
    embedding->conv1 = (struct linear){.weight = params_weight(params, "visual.conv1.weight"),
                                       .I = patch_elements(&dims),
                                       .O = dims.W,
                                       .layout = WEIGHT_OUT_IN};
    embedding->position = params_weight(params, "visual.positional_embedding");
    if (dims.class_token) embedding->class_embedding = params_weight(params, "visual.class_embedding");
    if (dims.ln_pre) embedding->ln_pre = norm_find(params, "visual", "ln_pre", dims.W);
}

void vit_embedding_plan_lists(struct vit_embedding *embedding, int B, const struct vit_embedding_dims *dims,
                              struct planner *planner) {
    if (dims->class_token) split_plan(&embedding->split, B, (int)dims->tokens, planner);
}

void vit_embedding_fill_lists(struct ops *ops, const struct vit_embedding *embedding, int B) {
    if (embedding->dims.class_token) split_fill(ops, &embedding->split, B);
}

// Pieces that coincide are one place: without class token the projected patches are the embedded rows, positions added
// in place; without ln_pre the embedded rows are the output.
void vit_embedding_plan(struct vit_embedding_state *state, int B, const struct vit_embedding_dims *dims,
                        struct planner *planner) {
    state->patches = plan_rows(planner, B * dims->patches, patch_elements(dims));
    state->out = state->projected = state->embedded = plan_rows(planner, B * dims->tokens, dims->W);
    if (dims->class_token) {
        state->projected = plan_rows(planner, B * dims->patches, dims->W);
        state->class_rows = plan_rows(planner, B, dims->W);
    }
    if (!dims->ln_pre) return;
    norm_plan(&state->ln_pre, B * dims->tokens, dims->W, planner);
    state->out = state->ln_pre.out;
}

void vit_embedding_plan_scratch(struct vit_embedding_scratch *scratch, int B, const struct vit_embedding_dims *dims,
                                struct planner *planner) {
    if (dims->ln_pre) scratch->d_embedded = plan_rows(planner, B * dims->tokens, dims->W);
    if (!dims->class_token) return;
    scratch->d_class = plan_rows(planner, B, dims->W);
    scratch->d_projected = plan_rows(planner, B * dims->patches, dims->W);
}

// Positions first, then what stands at them.
static void join_class_token(struct ops *ops, const struct vit_embedding *embedding, struct vit_embedding_state *state,
                             int B) {
    const struct vit_embedding_dims *dims = &embedding->dims;
    ops->add_rows(ops, state->embedded, NULL, embedding->position.value, B * dims->tokens, dims->tokens, dims->W);
    ops->add_rows(ops, state->class_rows, NULL, embedding->class_embedding.value, B, 1, dims->W);
    split_add(ops, &embedding->split, state->embedded, state->class_rows, state->projected, B, dims->W);
}

void vit_embedding_apply(struct ops *ops, const struct vit_embedding *embedding, struct vit_embedding_state *state,
                         const uint8_t *pixels, int B) {
    const struct vit_embedding_dims *dims = &embedding->dims;
    int64_t R = B * dims->tokens;
    ops->patches(ops, state->patches, pixels, embedding->mean, embedding->std, B, dims->image_size, dims->patch_size);
    linear_apply(ops, &embedding->conv1, state->projected, state->patches, NULL, B * dims->patches);
    if (dims->class_token)
        join_class_token(ops, embedding, state, B);
    else
        ops->add_rows(ops, state->embedded, state->embedded, embedding->position.value, R, dims->tokens, dims->W);
    if (dims->ln_pre) norm_apply(ops, &embedding->ln_pre, &state->ln_pre, state->embedded, R);
}

// embedded[b,i] = position[i] + (i = 0 ? class : conv1(patch i − 1)) with a class token. So the position's gradient is
// the sum over pictures of all rows, the class embedding's that of the first rows, and the patches' go to conv1's
// weight.
void vit_embedding_backward(struct ops *ops, const struct vit_embedding *embedding,
                            const struct vit_embedding_state *state, struct vit_embedding_scratch *scratch,
                            const void *d_out, int B) {
    const struct vit_embedding_dims *dims = &embedding->dims;
    int64_t R = B * dims->tokens;
    if (dims->ln_pre) {
        norm_backward(ops, &embedding->ln_pre, &state->ln_pre, scratch->d_embedded, d_out, state->embedded, R, false);
        d_out = scratch->d_embedded;
    }
    ops->sum_rows(ops, embedding->position.gradient, d_out, R, dims->tokens, dims->W);
    if (dims->class_token) {
        split_apart(ops, &embedding->split, scratch->d_class, scratch->d_projected, d_out, B, dims->W);
        ops->sum_rows(ops, embedding->class_embedding.gradient, scratch->d_class, B, 1, dims->W);
        d_out = scratch->d_projected;
    }
    linear_weight_backward(ops, &embedding->conv1, d_out, state->patches, B * dims->patches);
}
