// The image encoder's tensors: the ViT, its poolers and the projection to the embedding. coca-image-encode owns them;
// model/towers/image* computes with them.
#include "model/params/layout_blocks.h"

static void add_embeddings(struct params *params, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t W = vision->width, P = vision->patch_size;
    params_layout_place(params, 0, 0);
    params_layout_add_linear(params, SHAPE(W, 3, P, P), uniform_deviation(3 * P * P), "visual.conv1.weight");
    if (vision->class_token) params_layout_add(params, SHAPE(W), 0, inverse_root(W), "visual.class_embedding");
    params_layout_add_table(params, SHAPE(config_image_tokens(config), W), inverse_root(W), POSITIONS_GRID,
                            "visual.positional_embedding");
    if (vision->ln_pre) params_layout_add_norm(params, W, "visual.ln_pre");
}

// All above the blocks is of the top layer; ln_post is locked with the last block. The width behind ln_post is W, but
// where the one pooler comes before it. A lock never leaves poolers unlocked, unless they are all that there is behind
// the blocks.
static void add_pooling(struct params *params, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t W = vision->width, D = config->decoder.width;
    params_layout_place(params, vision->layers, params->top);
    params_layout_add_norm(params, vision->pool == POOL_SINGLE ? D : W, "visual.ln_post");
    params_layout_place(params, vision->proj ? GROUP_ALWAYS_LOCKED : vision->layers + 1, params->top);
    if (vision->pool != POOL_NONE) add_pooler(params, "visual.attn_pool", vision->queries, D, W);
    if (vision->pool == POOL_PARALLEL) add_pooler(params, "visual.attn_pool_contrastive", 1, D, W);
    if (vision->pool == POOL_CASCADE) add_pooler(params, "visual.attn_pool_contrastive", 1, D, D);
    params_layout_place(params, vision->layers + 1, params->top);
    if (vision->proj)
        params_layout_add_matrix(params, SHAPE(D, config->embed_dim),
                                 inverse_root(config->family == FAMILY_OPEN_CLIP ? W : D), "visual.proj");
}

static void layout_image(struct params *params, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t W = vision->width, hidden = mlp_width(vision->width, vision->mlp_ratio);
    params_layout_tower(params, vision->layers + 2, vision->layers + 1);
    add_embeddings(params, config);
    add_transformer(params, "visual.transformer", vision->layers, W, hidden, torch_deviations(W, hidden));
    add_pooling(params, config);
}

static const char *const prefixes[] = {"visual.", NULL};
const struct model_part image_part = {"image", prefixes, layout_image};
