// The image half of towers.h: the ViT, its pooling and the projection to the embedding, or for a head its states alone,
// over activation sets in one piece of backend memory. coca-image-encode drives it, a microbatch a call; it knows
// nothing of steps or sockets. Memory is planned twice by the same code, once to measure and once to place, so that
// what is announced is what is taken.
#include <stdlib.h>

#include "base/memory.h"
#include "model/layers/projection.h"
#include "model/layers/vit.h"
#include "model/towers/image_states.h"
#include "model/towers/towers.h"

struct image_dims {
    struct vit_dims vit;
    struct image_pool_dims pool;
    int64_t E;
};

// The activations of one microbatch.
struct image_set {
    struct vit_state vit;
    struct image_pool_state pool;
    struct projection_state projection;
    struct image_states_state states; // with plan.states, in place of the two above
    struct ops_graph forward, backward;
    int B;
};

struct image_scratch {
    uint8_t *pixels; // [B,S,S,3]
    uint8_t *ahead;  // [B,S,S,3] of the next forward pass
    void *d_tokens;  // [B·N,W]
    void *d_states;  // [B·N,W], with plan.states
    struct projection_scratch projection;
    struct image_pool_scratch pool;
    struct vit_scratch vit;
};

// Pictures in host memory.
struct pictures {
    int B;
    const uint8_t *pixels; // [B,S,S,3]
};

struct image_tower {
    struct model_config config;
    struct tower_plan plan;
    struct pictures ahead; // uploaded for the next forward pass
    struct image_dims dims;
    struct image_set *set; // [sets]
    struct image_scratch scratch;
    struct spans tokens;

    struct params *params;
    struct vit vit;
    struct image_pool pool;
    struct linear proj;
    struct image_states states; // with plan.states, in place of the two above
    void *memory;
};

static struct image_dims image_dims_of(const struct model_config *config) {
    return (struct image_dims){vit_dims_of(config), image_pool_dims_of(config), config->embed_dim};
}

static size_t pixel_bytes(const struct image_tower *tower, int B) {
    int64_t S = tower->dims.vit.embedding.image_size;
    return (size_t)(B * S * S * 3);
}

static void plan_set(struct image_set *set, const struct image_tower *tower, struct planner *planner) {
    const struct image_dims *dims = &tower->dims;
    int B = tower->plan.batch;
    vit_plan(&set->vit, B, &dims->vit, planner);
    if (tower->plan.states) {
        image_states_plan(&set->states, set->vit.transformer.out, B, &dims->pool, planner);
    } else {
        image_pool_plan(&set->pool, B, &dims->pool, planner);
        projection_plan(&set->projection, B, dims->E, planner);
    }
}

static void plan_lists(struct image_tower *tower, struct planner *planner) {
    int B = tower->plan.batch;
    spans_plan(&tower->tokens, B, (int)tower->dims.pool.tokens, planner);
    vit_embedding_plan_lists(&tower->vit.embedding, B, &tower->dims.vit.embedding, planner);
    if (!tower->plan.states) image_pool_plan_lists(&tower->pool, B, &tower->dims.pool, planner);
}

// Between the two only d_tokens lives on.
// The scratch of what stands behind the ViT and the ViT's share their place: one is done when the other begins.
static void plan_backward(struct image_tower *tower, struct planner *planner) {
    struct image_scratch *scratch = &tower->scratch;
    const struct image_dims *dims = &tower->dims;
    int B = tower->plan.batch;
    scratch->d_tokens = plan_rows(planner, B * dims->pool.tokens, dims->pool.W);
    size_t mark = arena_mark(planner->arena);
    if (tower->plan.states) {
        scratch->d_states = image_states_plan_scratch(scratch->d_tokens, B, &dims->pool, planner);
    } else {
        projection_plan_scratch(&scratch->projection, B, dims->E, planner);
        image_pool_plan_scratch(&scratch->pool, B, &dims->pool, planner);
    }
    arena_reset(planner->arena, mark);
    vit_plan_scratch(&scratch->vit, B, &dims->vit, planner);
}

// In order: lists; the sets, apart from each other; pixels of the next pass, where uploads run beside computing; then
// one place for the pixels of this pass and for the backward pass's scratch. The pixels are read once, into patches
// that the set keeps, so a backward pass may overwrite them.
static void plan_memory(struct image_tower *tower, struct arena *arena, const struct ops *ops) {
    struct planner planner = {arena, ops->dtype, tower->plan.train};
    int B = tower->plan.batch;
    plan_lists(tower, &planner);
    for (int i = 0; i < tower->plan.sets; i++) {
        plan_set(&tower->set[i], tower, &planner);
        plan_seal(&planner); // sets are filled in any order
    }
    if (ops->queued) tower->scratch.ahead = arena_take(arena, pixel_bytes(tower, B));
    size_t mark = arena_mark(arena);
    tower->scratch.pixels = arena_take(arena, pixel_bytes(tower, B));
    arena_reset(arena, mark);
    if (tower->plan.train) plan_backward(tower, &planner);
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

static size_t measure(struct image_tower *tower, const struct ops *ops) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(tower, &arena, ops);
    return arena.peak;
}

int64_t image_tower_bytes(const struct model_config *config, const struct ops *ops, struct tower_plan plan) {
    struct image_tower *tower = skeleton(config, plan);
    size_t bytes = measure(tower, ops);
    image_tower_free(&tower);
    return (int64_t)bytes;
}

static void find_layers(struct image_tower *tower) {
    const struct params *params = tower->params;
    vit_find(&tower->vit, params, &tower->config);
    if (tower->plan.states) {
        image_states_find(&tower->states, params, &tower->dims.pool);
        return;
    }
    image_pool_find(&tower->pool, params, &tower->config);
    if (tower->config.vision.proj)
        tower->proj = linear_matrix(params_weight(params, "visual.proj"), tower->dims.pool.D, tower->dims.E);
}

static void fill_lists(struct image_tower *tower) {
    struct ops *ops = tower->params->ops;
    int B = tower->plan.batch;
    spans_fill(ops, &tower->tokens, B, tower->tokens.max);
    vit_embedding_fill_lists(ops, &tower->vit.embedding, B);
    if (!tower->plan.states) image_pool_fill_lists(ops, &tower->pool, B);
}

struct image_tower *image_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan) {
    struct image_tower *tower = skeleton(config, plan);
    struct arena arena;
    size_t bytes = measure(tower, params->ops);
    tower->params = params;
    tower->memory = ops_allocate(params->ops, bytes);
    arena_begin(&arena, tower->memory, bytes);
    plan_memory(tower, &arena, params->ops);
    find_layers(tower);
    fill_lists(tower);
    return tower;
}

// A tower that was only planned has no parameters.
static void release_set(struct image_set *set, const struct params *params) {
    transformer_state_release(&set->vit.transformer);
    if (!params) return;
    params->ops->graph_release(params->ops, &set->forward);
    params->ops->graph_release(params->ops, &set->backward);
}

void image_tower_free(struct image_tower **tower) {
    if (!*tower) return;
    for (int i = 0; i < (*tower)->plan.sets; i++) release_set(&(*tower)->set[i], (*tower)->params);
    vit_release(&(*tower)->vit);
    if ((*tower)->memory) ops_release((*tower)->params->ops, (*tower)->memory);
    free((*tower)->set);
    free(*tower);
    *tower = NULL;
}

static const struct linear *projection_of(const struct image_tower *tower) {
    return tower->config.vision.proj ? &tower->proj : NULL;
}

static struct spans token_spans(const struct image_tower *tower, int B) {
    return spans_rows(&tower->tokens, B * tower->dims.pool.tokens);
}

static struct attention_pattern vit_pattern(const struct image_tower *tower, int B) {
    struct spans tokens = token_spans(tower, B);
    return (struct attention_pattern){.B = B, .queries = tokens, .keys = tokens};
}

static size_t feature_bytes(const struct image_tower *tower, int B) {
    const struct image_pool_dims *dims = &tower->dims.pool;
    return (size_t)(B * dims->F * dims->D) * dtype_size(tower->params->ops->dtype);
}

// Between pixels and states or the embedding's projection, which goes to the host and so cannot be among recorded
// operations. The graph's key is all that the operations depend on; the set, whose places they name, has a graph of its
// own.
static void run_forward(struct image_tower *tower, struct image_set *set, bool want_features, bool want_embedding) {
    struct ops *ops = tower->params->ops;
    struct attention_pattern vit = vit_pattern(tower, set->B);
    bool issued;
    ops->graph_begin(ops, &set->forward, set->B * 4 + want_features * 2 + want_embedding, &issued);
    if (issued) return;
    vit_apply(ops, &tower->vit, &set->vit, tower->scratch.pixels, &vit);
    if (tower->plan.states)
        image_states_apply(ops, &tower->states, &set->states, set->vit.transformer.out, vit.keys.rows);
    else
        image_pool_apply(ops, &tower->pool, &set->pool, set->vit.transformer.out, vit.keys, set->B, want_features,
                         want_embedding);
    ops->graph_end(ops, &set->forward);
}

// The upload that ran ahead counts only if it was of these very pictures. A caller that asks for something else than it
// fetched gets what it asks for.
static void take_pixels(struct image_tower *tower, int B, const uint8_t *pixels) {
    struct ops *ops = tower->params->ops;
    if (tower->ahead.pixels == pixels && tower->ahead.B == B)
        ops->take_ahead(ops, tower->scratch.pixels, tower->scratch.ahead, pixel_bytes(tower, B));
    else
        ops->upload(ops, tower->scratch.pixels, pixels, pixel_bytes(tower, B));
    tower->ahead = (struct pictures){0};
}

void image_tower_fetch(struct image_tower *tower, int B, const uint8_t *pixels) {
    struct ops *ops = tower->params->ops;
    if (!ops->queued) return;
    tower->ahead = (struct pictures){B, pixels};
    ops->upload_ahead(ops, tower->scratch.ahead, pixels, pixel_bytes(tower, B));
}

// With training, all activations that a backward pass may read are made, whatever is wanted of them here.
void image_tower_begin(struct image_tower *tower, int index, int B, const uint8_t *pixels, bool features,
                       bool embedding) {
    struct image_set *set = &tower->set[index];
    set->B = B;
    take_pixels(tower, B, pixels);
    run_forward(tower, set, features || tower->plan.train, embedding || tower->plan.train);
}

void image_tower_results(struct image_tower *tower, int index, void *features, float *embedding) {
    struct ops *ops = tower->params->ops;
    struct image_set *set = &tower->set[index];
    if (features) ops->download(ops, features, set->pool.features, feature_bytes(tower, set->B));
    if (embedding || tower->plan.train)
        projection_apply(ops, projection_of(tower), &set->projection, embedding, set->pool.pooled, set->B);
}

void image_tower_forward(struct image_tower *tower, int index, int B, const uint8_t *pixels, void *features,
                         float *embedding) {
    image_tower_begin(tower, index, B, pixels, features, embedding);
    image_tower_results(tower, index, features, embedding);
}

static size_t state_bytes(const struct image_tower *tower, int B) {
    const struct image_pool_dims *dims = &tower->dims.pool;
    return (size_t)(B * dims->tokens * dims->W) * dtype_size(tower->params->ops->dtype);
}

void image_tower_states(struct image_tower *tower, int index, void *states) {
    const struct image_set *set = &tower->set[index];
    tower->params->ops->download(tower->params->ops, states, set->states.out, state_bytes(tower, set->B));
}

// No gradient is a gradient of zeros: with the caption loss off the features' way back still carries the embedding's,
// in the cascade through the features themselves.
static void take_d_features(struct image_tower *tower, const void *d_features, int B) {
    struct ops *ops = tower->params->ops;
    size_t bytes = feature_bytes(tower, B);
    if (d_features)
        ops->upload(ops, tower->scratch.pool.d_features, d_features, bytes);
    else
        ops->zero(ops, tower->scratch.pool.d_features, bytes);
}

// From the gradients behind the ViT, which lie in the scratch, back to the pixels.
static void run_backward(struct image_tower *tower, struct image_set *set, bool embedding) {
    struct ops *ops = tower->params->ops;
    struct image_scratch *scratch = &tower->scratch;
    struct attention_pattern vit = vit_pattern(tower, set->B);
    const void *tokens = set->vit.transformer.out;
    bool issued;
    ops->graph_begin(ops, &set->backward, set->B * 2 + embedding, &issued);
    if (issued) return;
    if (tower->plan.states)
        image_states_backward(ops, &tower->states, &set->states, scratch->d_tokens, scratch->d_states, tokens,
                              vit.keys.rows);
    else
        image_pool_backward(ops, &tower->pool, &set->pool, &scratch->pool, scratch->d_tokens, tokens, vit.keys, set->B,
                            embedding);
    vit_backward(ops, &tower->vit, &set->vit, &scratch->vit, scratch->d_tokens, &vit);
    ops->graph_end(ops, &set->backward);
}

void image_tower_backward(struct image_tower *tower, int index, const void *d_features, const float *d_embedding) {
    struct ops *ops = tower->params->ops;
    struct image_set *set = &tower->set[index];
    struct image_scratch *scratch = &tower->scratch;
    if (!d_features && !d_embedding) return;
    take_d_features(tower, d_features, set->B);
    if (d_embedding)
        projection_backward(ops, projection_of(tower), &set->projection, &scratch->projection, scratch->pool.d_pooled,
                            d_embedding, set->pool.pooled, set->B);
    run_backward(tower, set, d_embedding != NULL);
}

void image_tower_states_backward(struct image_tower *tower, int index, const void *d_states) {
    struct ops *ops = tower->params->ops;
    struct image_set *set = &tower->set[index];
    ops->upload(ops, tower->scratch.d_states, d_states, state_bytes(tower, set->B));
    run_backward(tower, set, false);
}
