// From tokens to features and the pooled row, for the four ways that image_pool.h lists. They differ in two questions:
// does ln_post stand before the pooler or behind it (norm_first), and does a second pooler make the pooled row or is it
// the first of the rows (has_contrastive). The image tower calls it, forward behind the ViT and backward before it, and
// uploads and downloads what lies at the edges. Where an embedding alone is wanted, what it does not need is left out.
#include "model/towers/image_pool.h"

// Queries of a picture that are attended with when only the first one's result is wanted. Queries do not know of each
// other, so few would do; but ATTENTION_FEW or fewer may run in another kernel, and then the embedding would have other
// bits than in training, where all of them are asked.
#define FIRST_QUERIES (2 * ATTENTION_FEW)

static bool has_generative(const struct image_pool_dims *dims) {
    return dims->kind != POOL_NONE;
}

static bool has_contrastive(const struct image_pool_dims *dims) {
    return dims->kind == POOL_PARALLEL || dims->kind == POOL_CASCADE;
}

struct image_pool_dims image_pool_dims_of(const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t D = config->decoder.width, tokens = config_image_tokens(config);
    return (struct image_pool_dims){
        .kind = vision->pool,
        .norm_first = vision->pool != POOL_SINGLE, // LAION's models normalise what the pooler made of the tokens
        .tokens = tokens,
        .W = vision->width,
        .rows = vision->pool == POOL_NONE ? tokens : vision->queries,
        .F = config_feature_tokens(config),
        .D = D,
        .generative = {vision->queries, D, vision->width, vision->pooler_heads},
        .contrastive = {1, D, vision->pool == POOL_PARALLEL ? vision->width : D, vision->pooler_heads}};
}

void image_pool_find(struct image_pool *pool, const struct params *params, const struct model_config *config) {
    struct image_pool_dims dims = pool->dims = image_pool_dims_of(config);
    pool->ln_post = norm_find(params, "visual", "ln_post", dims.norm_first ? dims.W : dims.D);
    if (has_generative(&dims)) pool->generative = pooler_find(params, "visual.attn_pool", dims.generative);
    if (has_contrastive(&dims))
        pool->contrastive = pooler_find(params, "visual.attn_pool_contrastive", dims.contrastive);
}

// How many rows behind attn_pool an embedding takes of a picture.
static int64_t first_rows(const struct image_pool_dims *dims) {
    return dims->kind == POOL_SINGLE && dims->rows > FIRST_QUERIES ? FIRST_QUERIES : dims->rows;
}

static void rows_plan(struct image_pool_rows *rows, int B, int64_t count, const struct image_pool_dims *dims,
                      struct planner *planner) {
    spans_plan(&rows->queries, B, (int)count, planner);
    spans_plan(&rows->results, B, (int)count, planner);
    if (!has_contrastive(dims)) split_plan(&rows->split, B, (int)count, planner);
}

void image_pool_plan_lists(struct image_pool *pool, int B, const struct image_pool_dims *dims,
                           struct planner *planner) {
    rows_plan(&pool->all, B, dims->rows, dims, planner);
    rows_plan(&pool->first, B, first_rows(dims), dims, planner);
    spans_plan(&pool->query, B, 1, planner);
    spans_plan(&pool->pooled, B, 1, planner);
}

static void rows_fill(struct ops *ops, const struct image_pool_rows *rows, int B, const struct image_pool_dims *dims) {
    spans_fill(ops, &rows->queries, B, 0);
    spans_fill(ops, &rows->results, B, rows->results.max);
    if (!has_contrastive(dims)) split_fill(ops, &rows->split, B);
}

void image_pool_fill_lists(struct ops *ops, const struct image_pool *pool, int B) {
    rows_fill(ops, &pool->all, B, &pool->dims);
    rows_fill(ops, &pool->first, B, &pool->dims);
    spans_fill(ops, &pool->query, B, 0);
    spans_fill(ops, &pool->pooled, B, 1);
}

// The rows that attn_pool_contrastive reads, of one picture.
static int64_t contrastive_keys(const struct image_pool_dims *dims) {
    return dims->kind == POOL_CASCADE ? dims->rows : dims->tokens;
}

// With two poolers features and pooled row are what these wrote. With one, or none, both stand in one matrix and are
// copied apart.
void image_pool_plan(struct image_pool_state *state, int B, const struct image_pool_dims *dims,
                     struct planner *planner) {
    int64_t Rk = B * dims->tokens;
    norm_plan(&state->ln_post, B * (dims->norm_first ? dims->tokens : dims->rows), dims->norm_first ? dims->W : dims->D,
              planner);
    if (has_generative(dims)) pooler_plan(&state->generative, B, Rk, &dims->generative, planner);
    if (has_contrastive(dims)) {
        pooler_plan(&state->contrastive, B, B * contrastive_keys(dims), &dims->contrastive, planner);
        state->features = state->generative.out;
        state->pooled = state->contrastive.out;
    } else {
        state->features = plan_rows(planner, B * dims->F, dims->D);
        state->pooled = plan_rows(planner, B, dims->D);
    }
}

// d_rows is the gradient of the rows behind attn_pool. Where these are the features themselves (two poolers), it is the
// place that the caller filled, and the contrastive pooler's share is added there.
void image_pool_plan_scratch(struct image_pool_scratch *scratch, int B, const struct image_pool_dims *dims,
                             struct planner *planner) {
    int64_t Rk = B * dims->tokens;
    scratch->d_features = scratch->d_rows = plan_rows(planner, B * dims->F, dims->D);
    scratch->d_pooled = plan_rows(planner, B, dims->D);
    if (has_contrastive(dims))
        pooler_plan_scratch(&scratch->contrastive, B, B * contrastive_keys(dims), &dims->contrastive, planner);
    else
        scratch->d_rows = plan_rows(planner, B * dims->rows, dims->D);
    if (!dims->norm_first) scratch->d_pool = plan_rows(planner, B * dims->rows, dims->D);
    if (dims->norm_first && has_generative(dims)) scratch->d_x = plan_rows(planner, Rk, dims->W);
    if (has_generative(dims)) pooler_plan_scratch(&scratch->generative, B, Rk, &dims->generative, planner);
}

// All pictures' queries are the same rows (spans with stride 0), while each has results of its own.
static struct attention_pattern generative_pattern(const struct image_pool_rows *rows, struct spans tokens, int B) {
    int64_t count = rows->results.max;
    return (struct attention_pattern){.B = B,
                                      .queries = spans_rows(&rows->queries, count),
                                      .keys = tokens,
                                      .results = spans_rows(&rows->results, B * count)};
}

static struct attention_pattern contrastive_pattern(const struct image_pool *pool, struct spans tokens, int B) {
    bool cascade = pool->dims.kind == POOL_CASCADE;
    return (struct attention_pattern){.B = B,
                                      .queries = spans_rows(&pool->query, 1),
                                      .keys = cascade ? spans_rows(&pool->all.results, B * pool->dims.rows) : tokens,
                                      .results = spans_rows(&pool->pooled, B)};
}

// What attn_pool_contrastive reads.
static const void *contrastive_input(const struct image_pool *pool, const struct image_pool_state *state) {
    return pool->dims.kind == POOL_CASCADE ? state->generative.out : state->ln_post.out;
}

// In order: ln_post where it is first; attn_pool; ln_post where it is last; the pooled row. The parallel kind's
// embedding does not pass through attn_pool, so without features that is left out. The cascade's does, with all
// queries, for the contrastive pooler attends to every one of their results.
void image_pool_apply(struct ops *ops, const struct image_pool *pool, struct image_pool_state *state,
                      const void *tokens, struct spans spans, int B, bool want_features, bool want_pooled) {
    const struct image_pool_dims *dims = &pool->dims;
    const struct image_pool_rows *made = want_features ? &pool->all : &pool->first;
    struct attention_pattern generative = generative_pattern(made, spans, B);
    const void *rows = tokens;
    if (dims->norm_first) {
        norm_apply(ops, &pool->ln_post, &state->ln_post, rows, spans.rows);
        rows = state->ln_post.out;
    }
    if (has_generative(dims) && (want_features || dims->kind != POOL_PARALLEL)) {
        pooler_apply(ops, &pool->generative, &state->generative, rows, &generative);
        rows = state->generative.out;
    }
    if (!dims->norm_first) {
        norm_apply(ops, &pool->ln_post, &state->ln_post, rows, generative.results.rows);
        rows = state->ln_post.out;
    }
    struct attention_pattern contrastive = contrastive_pattern(pool, spans, B);
    if (!has_contrastive(dims))
        split_apart(ops, &made->split, state->pooled, want_features ? state->features : NULL, rows, B, dims->D);
    else if (want_pooled)
        pooler_apply(ops, &pool->contrastive, &state->contrastive, contrastive_input(pool, state), &contrastive);
}

// The gradient of the row that is pooled and of the features, in the rows they were taken from. Rows that nothing was
// taken from do not exist, but an embedding that is not used leaves its row without gradient: hence the zeros.
static void join_gradients(struct ops *ops, const struct image_pool *pool, struct image_pool_scratch *scratch, int B,
                           bool use_pooled) {
    const struct image_pool_dims *dims = &pool->dims;
    ops->zero(ops, scratch->d_rows, (size_t)(B * dims->rows * dims->D) * dtype_size(ops->dtype));
    split_add(ops, &pool->all.split, scratch->d_rows, use_pooled ? scratch->d_pooled : NULL, scratch->d_features, B,
              dims->D);
}

// Adds to the gradient of what attn_pool_contrastive read.
static void contrastive_backward(struct ops *ops, const struct image_pool *pool, const struct image_pool_state *state,
                                 struct image_pool_scratch *scratch, void *d_input, struct spans spans, int B) {
    struct attention_pattern pattern = contrastive_pattern(pool, spans, B);
    pooler_backward(ops, &pool->contrastive, &state->contrastive, &scratch->contrastive, d_input, scratch->d_pooled,
                    contrastive_input(pool, state), &pattern, true);
}

// From the four forward ways, where f' leads a gradient back through f:
//
//   cascade   d_y = d_features + contrastive'(d_pooled);   d_x = attn_pool'(d_y);   d_tokens = ln_post'(d_x)
//   parallel  d_x = attn_pool'(d_features) + contrastive'(d_pooled);                d_tokens = ln_post'(d_x)
//   single    d_y = ln_post'(d_pooled | d_features);                                d_tokens = attn_pool'(d_y)
//   none      d_tokens = ln_post'(d_pooled | d_features)
//
// A sum's first summand is written and the second added: so the cascade's contrastive pooler runs before attn_pool, and
// the parallel one behind it.
void image_pool_backward(struct ops *ops, const struct image_pool *pool, const struct image_pool_state *state,
                         struct image_pool_scratch *scratch, void *d_tokens, const void *tokens, struct spans spans,
                         int B, bool use_pooled) {
    const struct image_pool_dims *dims = &pool->dims;
    struct attention_pattern generative = generative_pattern(&pool->all, spans, B);
    void *d_rows = scratch->d_rows, *d_x = dims->norm_first ? scratch->d_x : d_tokens;
    if (!has_contrastive(dims)) join_gradients(ops, pool, scratch, B, use_pooled);
    if (dims->kind == POOL_CASCADE && use_pooled) contrastive_backward(ops, pool, state, scratch, d_rows, spans, B);
    if (!dims->norm_first) {
        norm_backward(ops, &pool->ln_post, &state->ln_post, scratch->d_pool, d_rows, state->generative.out,
                      B * dims->rows, false);
        d_rows = scratch->d_pool;
    }
    if (has_generative(dims))
        pooler_backward(ops, &pool->generative, &state->generative, &scratch->generative, d_x, d_rows,
                        dims->norm_first ? state->ln_post.out : tokens, &generative, false);
    else
        d_x = d_rows;
    if (dims->kind == POOL_PARALLEL && use_pooled) contrastive_backward(ops, pool, state, scratch, d_x, spans, B);
    if (dims->norm_first) norm_backward(ops, &pool->ln_post, &state->ln_post, d_tokens, d_x, tokens, spans.rows, false);
}
