#include <stdlib.h>

#include "base/memory.h"
#include "model/pooler.h"
#include "model/projection.h"
#include "model/towers.h"
#include "model/vit.h"

struct image_dims {
    struct vit_dims vit;
    struct pooler_dims generative, contrastive;
    int64_t E;
};

// The activations of one microbatch.
struct image_set {
    struct vit_state vit;
    struct pooler_state generative, contrastive;
    struct projection_state projection;
    int B;
};

struct image_scratch {
    uint8_t *pixels;  // [B,S,S,3]
    void *d_features; // [B·Q,D]
    void *d_pooled;   // [B,D]
    void *d_tokens;   // [B·N,W]
    struct projection_scratch projection;
    struct pooler_scratch generative, contrastive;
    struct vit_scratch vit;
};

struct image_tower {
    struct model_config config;
    struct tower_plan plan;
    struct image_dims dims;
    struct image_set *set; // [sets]
    struct image_scratch scratch;
    struct spans tokens, queries, features, query, pooled;

    struct params *params;
    struct vit vit;
    struct pooler generative, contrastive;
    struct linear proj;
    void *memory;
};

static struct image_dims image_dims_of(const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t D = config->decoder.width;
    return (struct image_dims){
        vit_dims_of(config),
        {vision->queries, D, vision->width, vision->pooler_heads},
        {1,               D, D,             vision->pooler_heads},
        config->embed_dim
    };
}

static void plan_set(struct image_set *set, int B, const struct image_dims *dims, struct planner *planner) {
    vit_plan(&set->vit, B, &dims->vit, planner);
    pooler_plan(&set->generative, B, B * dims->vit.tokens, &dims->generative, planner);
    pooler_plan(&set->contrastive, B, B * dims->generative.Q, &dims->contrastive, planner);
    projection_plan(&set->projection, B, dims->E, planner);
}

static void plan_spans(struct image_tower *tower, struct planner *planner) {
    int B = tower->plan.batch, N = (int)tower->dims.vit.tokens, Q = (int)tower->dims.generative.Q;
    spans_plan(&tower->tokens, B, N, planner);
    spans_plan(&tower->queries, B, Q, planner);
    spans_plan(&tower->features, B, Q, planner);
    spans_plan(&tower->query, B, 1, planner);
    spans_plan(&tower->pooled, B, 1, planner);
}

// The poolers' scratch and the ViT's share their place: one is done when the other begins.
static void plan_backward(struct image_scratch *scratch, int B, const struct image_dims *dims,
                          struct planner *planner) {
    int64_t N = dims->vit.tokens, Q = dims->generative.Q, D = dims->generative.D;
    scratch->d_tokens = plan_rows(planner, B * N, dims->vit.transformer.D);
    size_t mark = arena_mark(planner->arena);
    scratch->d_features = plan_rows(planner, B * Q, D);
    scratch->d_pooled = plan_rows(planner, B, D);
    projection_plan_scratch(&scratch->projection, B, dims->E, planner);
    pooler_plan_scratch(&scratch->contrastive, B, B * Q, &dims->contrastive, planner);
    pooler_plan_scratch(&scratch->generative, B, B * N, &dims->generative, planner);
    arena_reset(planner->arena, mark);
    vit_plan_scratch(&scratch->vit, B, &dims->vit, planner);
}

static void plan_memory(struct image_tower *tower, struct arena *arena, enum dtype dtype) {
    struct planner planner = {arena, dtype, tower->plan.train};
    int B = tower->plan.batch;
    int64_t S = tower->dims.vit.image_size;
    plan_spans(tower, &planner);
    for (int i = 0; i < tower->plan.sets; i++) {
        plan_set(&tower->set[i], B, &tower->dims, &planner);
        plan_seal(&planner); // sets are filled in any order
    }
    size_t mark = arena_mark(arena);
    tower->scratch.pixels = arena_take(arena, (size_t)(B * S * S * 3));
    arena_reset(arena, mark);
    if (tower->plan.train) plan_backward(&tower->scratch, B, &tower->dims, &planner);
}

// A tower without parameters and memory, which can be planned.
static struct image_tower *skeleton(const struct model_config *config, struct tower_plan plan) {
    struct image_tower *tower = xcalloc(1, sizeof *tower);
    tower->config = *config;
    tower->plan = plan;
    tower->dims = image_dims_of(config);
    tower->set = xcalloc((size_t)plan.sets, sizeof *tower->set);
    for (int i = 0; i < plan.sets; i++) transformer_state_init(&tower->set[i].vit.transformer, config->vision.layers);
    return tower;
}

static size_t measure(struct image_tower *tower, enum dtype dtype) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(tower, &arena, dtype);
    return arena.peak;
}

int64_t image_tower_bytes(const struct model_config *config, enum dtype dtype, struct tower_plan plan) {
    struct image_tower *tower = skeleton(config, plan);
    size_t bytes = measure(tower, dtype);
    image_tower_free(&tower);
    return (int64_t)bytes;
}

static void find_layers(struct image_tower *tower) {
    const struct params *params = tower->params;
    vit_find(&tower->vit, params, &tower->config);
    tower->generative = pooler_find(params, "visual.attn_pool", tower->dims.generative);
    tower->contrastive = pooler_find(params, "visual.attn_pool_contrastive", tower->dims.contrastive);
    tower->proj = linear_matrix(params_weight(params, "visual.proj"), tower->dims.generative.D, tower->dims.E);
}

static void fill_spans(struct image_tower *tower) {
    struct ops *ops = tower->params->ops;
    int B = tower->plan.batch;
    spans_fill(ops, &tower->tokens, B, tower->tokens.max);
    spans_fill(ops, &tower->queries, B, 0);
    spans_fill(ops, &tower->features, B, tower->features.max);
    spans_fill(ops, &tower->query, B, 0);
    spans_fill(ops, &tower->pooled, B, 1);
}

struct image_tower *image_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan) {
    struct image_tower *tower = skeleton(config, plan);
    struct arena arena;
    size_t bytes = measure(tower, params->ops->dtype);
    tower->params = params;
    tower->memory = ops_allocate(params->ops, bytes);
    arena_begin(&arena, tower->memory, bytes);
    plan_memory(tower, &arena, params->ops->dtype);
    find_layers(tower);
    fill_spans(tower);
    return tower;
}

void image_tower_free(struct image_tower **tower) {
    if (!*tower) return;
    for (int i = 0; i < (*tower)->plan.sets; i++) transformer_state_release(&(*tower)->set[i].vit.transformer);
    vit_release(&(*tower)->vit);
    if ((*tower)->memory) ops_release((*tower)->params->ops, (*tower)->memory);
    free((*tower)->set);
    free(*tower);
    *tower = NULL;
}

static struct attention_pattern vit_pattern(const struct image_tower *tower, int B) {
    struct spans tokens = spans_rows(&tower->tokens, B * tower->dims.vit.tokens);
    return (struct attention_pattern){.B = B, .queries = tokens, .keys = tokens};
}

static struct attention_pattern generative_pattern(const struct image_tower *tower, int B) {
    int64_t Q = tower->dims.generative.Q;
    return (struct attention_pattern){.B = B,
                                      .queries = spans_rows(&tower->queries, Q),
                                      .keys = spans_rows(&tower->tokens, B * tower->dims.vit.tokens),
                                      .results = spans_rows(&tower->features, B * Q)};
}

static struct attention_pattern contrastive_pattern(const struct image_tower *tower, int B) {
    return (struct attention_pattern){.B = B,
                                      .queries = spans_rows(&tower->query, 1),
                                      .keys = spans_rows(&tower->features, B * tower->dims.generative.Q),
                                      .results = spans_rows(&tower->pooled, B)};
}

static size_t feature_bytes(const struct image_tower *tower, int B) {
    const struct pooler_dims *dims = &tower->dims.generative;
    return (size_t)(B * dims->Q * dims->D) * dtype_size(tower->params->ops->dtype);
}

void image_tower_forward(struct image_tower *tower, int index, int B, const uint8_t *pixels, void *features,
                         float *embedding) {
    struct ops *ops = tower->params->ops;
    struct image_set *set = &tower->set[index];
    int64_t S = tower->dims.vit.image_size;
    struct attention_pattern vit = vit_pattern(tower, B), generative = generative_pattern(tower, B);
    set->B = B;
    ops->upload(ops, tower->scratch.pixels, pixels, (size_t)(B * S * S * 3));
    vit_apply(ops, &tower->vit, &set->vit, tower->scratch.pixels, &vit);
    pooler_apply(ops, &tower->generative, &set->generative, set->vit.ln_post.out, &generative);
    if (features) ops->download(ops, features, set->generative.out, feature_bytes(tower, B));
    if (!embedding && !tower->plan.train) return;
    struct attention_pattern contrastive = contrastive_pattern(tower, B);
    pooler_apply(ops, &tower->contrastive, &set->contrastive, set->generative.out, &contrastive);
    projection_apply(ops, &tower->proj, &set->projection, embedding, set->contrastive.out, B);
}

static void take_d_features(struct image_tower *tower, const void *d_features, int B) {
    struct ops *ops = tower->params->ops;
    size_t bytes = feature_bytes(tower, B);
    if (d_features)
        ops->upload(ops, tower->scratch.d_features, d_features, bytes);
    else
        ops->zero(ops, tower->scratch.d_features, bytes);
}

// The cascade: the contrastive pooler adds to the gradient of the features it read.
static void embedding_backward(struct image_tower *tower, const struct image_set *set, const float *d_embedding) {
    struct ops *ops = tower->params->ops;
    struct image_scratch *scratch = &tower->scratch;
    struct attention_pattern pattern = contrastive_pattern(tower, set->B);
    projection_backward(ops, &tower->proj, &set->projection, &scratch->projection, scratch->d_pooled, d_embedding,
                        set->contrastive.out, set->B);
    pooler_backward(ops, &tower->contrastive, &set->contrastive, &scratch->contrastive, scratch->d_features,
                    scratch->d_pooled, set->generative.out, &pattern, true);
}

void image_tower_backward(struct image_tower *tower, int index, const void *d_features, const float *d_embedding) {
    struct ops *ops = tower->params->ops;
    struct image_set *set = &tower->set[index];
    struct image_scratch *scratch = &tower->scratch;
    struct attention_pattern vit = vit_pattern(tower, set->B), generative = generative_pattern(tower, set->B);
    if (!d_features && !d_embedding) return;
    take_d_features(tower, d_features, set->B);
    if (d_embedding) embedding_backward(tower, set, d_embedding);
    pooler_backward(ops, &tower->generative, &set->generative, &scratch->generative, scratch->d_tokens,
                    scratch->d_features, set->vit.ln_post.out, &generative, false);
    vit_backward(ops, &tower->vit, &set->vit, &scratch->vit, scratch->d_tokens, &vit);
}
