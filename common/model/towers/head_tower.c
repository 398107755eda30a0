// A task's head between an encoder's states and the scores of classes: pooler, mean over its queries, LayerNorm and
// classifier, a microbatch a call. coca-head drives it, with the states as they came over the wire: groups of rows of
// any number, so that where they lie travels with every pass. It runs a dozen operations, which no graph is worth.
#include "model/towers/head_tower.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/layers/pooler.h"
#include "model/layers/row_mean.h"

struct head_dims {
    int groups;   // B·J at most
    int64_t J, C; // vectors of a sample, classes
    struct pooler_dims pooler;
};

// A pass's activations, and what it was of.
struct head_state {
    int B;
    bool gaps;                  // some row is of no group
    void *rows;                 // [rows,K]
    struct pooler_state pooler; // [B·J·Q,K]
    struct row_mean_state mean;
    struct norm_state norm;
    void *scores;      // [B,C]
    real *real_scores; // [B,C]
};

struct head_scratch {
    real *real_scores; // [B,C]
    void *d_scores;    // [B,C]
    void *d_norm;      // [B·J,K]
    void *d_mean;      // [B·J,K]
    struct row_mean_scratch mean;
    struct pooler_scratch pooler;
};

struct head_tower {
    struct head_plan plan;
    struct head_dims dims;
    struct params *params;
    struct pooler pooler;
    struct row_mean mean;
    struct norm norm;
    struct linear fc;
    struct spans queries, results, groups;
    struct head_state state;
    struct head_scratch scratch;
    void *memory;
};

static struct head_dims head_dims_of(const struct model_config *config, struct head_plan plan) {
    const struct head_config *head = &config->head;
    int64_t K = config_state_width(config), J = config_joined(config);
    return (struct head_dims){(int)(plan.batch * J), J, head->classes, {head->queries, K, K, head->heads}};
}

// With one query its result is the mean.
static bool has_mean(const struct head_tower *tower) {
    return tower->dims.pooler.Q > 1;
}

static void plan_lists(struct head_tower *tower, struct planner *planner) {
    const struct head_dims *dims = &tower->dims;
    int G = dims->groups, Q = (int)dims->pooler.Q;
    spans_plan(&tower->groups, G, tower->plan.longest, planner);
    spans_plan(&tower->queries, G, Q, planner);
    spans_plan(&tower->results, G, Q, planner);
    if (has_mean(tower)) row_mean_plan_lists(&tower->mean, G, Q, dims->pooler.K, dims->pooler.heads, planner);
}

static void plan_state(struct head_tower *tower, struct planner *planner) {
    const struct head_dims *dims = &tower->dims;
    struct head_state *state = &tower->state;
    int64_t scores = tower->plan.batch * dims->C;
    state->rows = plan_rows(planner, tower->plan.rows, dims->pooler.K);
    pooler_plan(&state->pooler, dims->groups, tower->plan.rows, &dims->pooler, planner);
    if (has_mean(tower)) row_mean_plan(&state->mean, &tower->mean, dims->groups, planner);
    norm_plan(&state->norm, dims->groups, dims->pooler.K, planner);
    state->scores = plan_rows(planner, scores, 1);
    state->real_scores = plan_reals(planner, scores);
}

static void plan_scratch(struct head_tower *tower, struct planner *planner) {
    const struct head_dims *dims = &tower->dims;
    struct head_scratch *scratch = &tower->scratch;
    int64_t scores = tower->plan.batch * dims->C;
    scratch->real_scores = plan_reals(planner, scores);
    scratch->d_scores = plan_rows(planner, scores, 1);
    scratch->d_norm = plan_rows(planner, dims->groups, dims->pooler.K);
    scratch->d_mean = plan_rows(planner, dims->groups, dims->pooler.K);
    if (has_mean(tower)) row_mean_plan_scratch(&scratch->mean, &tower->mean, dims->groups, planner);
    pooler_plan_scratch(&scratch->pooler, dims->groups, tower->plan.rows, &dims->pooler, planner);
}

static size_t plan_memory(struct head_tower *tower, const struct ops *ops, void *memory, size_t bytes) {
    struct arena arena;
    arena_begin(&arena, memory, bytes);
    struct planner planner = {&arena, ops->dtype, tower->plan.train};
    plan_lists(tower, &planner);
    plan_state(tower, &planner);
    if (tower->plan.train) plan_scratch(tower, &planner);
    return arena.peak;
}

// A tower without parameters and memory, which can be planned.
static struct head_tower *skeleton(const struct model_config *config, struct head_plan plan) {
    struct head_tower *tower = xcalloc(1, sizeof *tower);
    tower->plan = plan;
    tower->dims = head_dims_of(config, plan);
    return tower;
}

int64_t head_tower_bytes(const struct model_config *config, const struct ops *ops, struct head_plan plan) {
    struct head_tower *tower = skeleton(config, plan);
    size_t bytes = plan_memory(tower, ops, NULL, SIZE_MAX);
    head_tower_free(&tower);
    return (int64_t)bytes;
}

static void find_layers(struct head_tower *tower) {
    const struct params *params = tower->params;
    const struct head_dims *dims = &tower->dims;
    tower->pooler = pooler_find(params, "head.attn_pool", dims->pooler);
    tower->norm = norm_find(params, "head", "ln_post", dims->pooler.K);
    tower->fc = linear_find(params, "head.fc", dims->J * dims->pooler.K, dims->C);
}

struct head_tower *head_tower_new(const struct model_config *config, struct params *params, struct head_plan plan) {
    struct ops *ops = params->ops;
    struct head_tower *tower = skeleton(config, plan);
    size_t bytes = plan_memory(tower, ops, NULL, SIZE_MAX);
    tower->params = params;
    tower->memory = ops_allocate(ops, bytes);
    plan_memory(tower, ops, tower->memory, bytes);
    find_layers(tower);
    spans_fill(ops, &tower->queries, tower->dims.groups, 0);
    spans_fill(ops, &tower->results, tower->dims.groups, tower->results.max);
    if (has_mean(tower)) row_mean_fill_lists(ops, &tower->mean, tower->dims.groups);
    return tower;
}

void head_tower_free(struct head_tower **tower) {
    if (!*tower) return;
    if ((*tower)->memory) ops_release((*tower)->params->ops, (*tower)->memory);
    free(*tower);
    *tower = NULL;
}

static int groups_of(const struct head_tower *tower) {
    return (int)(tower->state.B * tower->dims.J);
}

static struct attention_pattern pattern_of(const struct head_tower *tower) {
    int64_t Q = tower->dims.pooler.Q, G = groups_of(tower);
    return (struct attention_pattern){.B = (int)G,
                                      .queries = spans_rows(&tower->queries, Q),
                                      .keys = tower->groups,
                                      .results = spans_rows(&tower->results, G * Q)};
}

// Rows of the groups, all within the plan.
static int64_t count_rows(const struct head_tower *tower, const struct head_states *states, int G) {
    int64_t sum = 0;
    if (G > tower->dims.groups || states->rows > tower->plan.rows)
        bug("a head for %d groups and %lld rows has %d and %lld", tower->dims.groups, (long long)tower->plan.rows, G,
            (long long)states->rows);
    for (int g = 0; g < G; g++) {
        int32_t start = states->start[g], count = states->count[g];
        if (start < 0 || count < 0 || count > tower->plan.longest || start > states->rows - count)
            bug("rows %d … of a head's group %d, %d of %lld", (int)start, g, (int)count, (long long)states->rows);
        sum += count;
    }
    return sum;
}

static size_t row_bytes(const struct head_tower *tower, int64_t rows) {
    return (size_t)(rows * tower->dims.pooler.K) * dtype_size(tower->params->ops->dtype);
}

static void take_states(struct head_tower *tower, int B, const struct head_states *states) {
    struct ops *ops = tower->params->ops;
    tower->state.B = B;
    int G = groups_of(tower);
    size_t list = (size_t)G * sizeof(int32_t);
    tower->state.gaps = count_rows(tower, states, G) < states->rows;
    tower->groups.rows = states->rows;
    ops->upload(ops, tower->state.rows, states->row, row_bytes(tower, states->rows));
    ops->upload(ops, tower->groups.start, states->start, list);
    ops->upload(ops, tower->groups.count, states->count, list);
}

// The rows that ln_post reads.
static const void *pooled(const struct head_tower *tower) {
    return has_mean(tower) ? tower->state.mean.out : tower->state.pooler.out;
}

// J vectors of a sample lie one behind the other, which is side by side already.
void head_tower_forward(struct head_tower *tower, int B, const struct head_states *states, float *scores) {
    struct ops *ops = tower->params->ops;
    struct head_state *state = &tower->state;
    int64_t count = B * tower->dims.C;
    take_states(tower, B, states);
    struct attention_pattern pattern = pattern_of(tower);
    pooler_apply(ops, &tower->pooler, &state->pooler, state->rows, &pattern);
    if (has_mean(tower)) row_mean_apply(ops, &tower->mean, &state->mean, state->pooler.out, pattern.B);
    norm_apply(ops, &tower->norm, &state->norm, pooled(tower), pattern.B);
    linear_apply(ops, &tower->fc, state->scores, state->norm.out, NULL, B);
    ops->convert(ops, state->real_scores, DT_REAL, state->scores, ops->dtype, count);
    ops->download(ops, scores, state->real_scores, (size_t)count * sizeof *scores);
}

// Through the classifier and ln_post.
static void classifier_backward(struct head_tower *tower, const float *d_scores) {
    struct ops *ops = tower->params->ops;
    struct head_scratch *scratch = &tower->scratch;
    int B = tower->state.B;
    int64_t count = B * tower->dims.C;
    ops->upload(ops, scratch->real_scores, d_scores, (size_t)count * sizeof *d_scores);
    ops->convert(ops, scratch->d_scores, ops->dtype, scratch->real_scores, DT_REAL, count);
    linear_backward(ops, &tower->fc, scratch->d_norm, scratch->d_scores, tower->state.norm.out, B);
    norm_backward(ops, &tower->norm, &tower->state.norm, scratch->d_mean, scratch->d_norm, pooled(tower),
                  groups_of(tower), false);
}

// The gradient of the pooler's results.
static const void *mean_backward(struct head_tower *tower) {
    struct head_scratch *scratch = &tower->scratch;
    const struct head_state *state = &tower->state;
    if (!has_mean(tower)) return scratch->d_mean;
    row_mean_backward(tower->params->ops, &tower->mean, &state->mean, &scratch->mean, scratch->d_mean,
                      state->pooler.out, groups_of(tower));
    return scratch->mean.d_in;
}

// The attention writes gradients of those keys and values that some group has.
static void clear_gaps(struct head_tower *tower) {
    struct ops *ops = tower->params->ops;
    if (tower->state.gaps)
        ops->zero(ops, tower->scratch.pooler.attention.d_in.k, 2 * row_bytes(tower, tower->groups.rows));
}

// The states' gradient takes the place of ln_k's results, which the pooler has read for the last time when it makes it.
void head_tower_backward(struct head_tower *tower, const float *d_scores, void *d_states) {
    struct ops *ops = tower->params->ops;
    struct head_state *state = &tower->state;
    struct attention_pattern pattern = pattern_of(tower);
    void *d_rows = state->pooler.norm_k.out;
    if (d_states && !tower->plan.gradient) bug("a head was planned without the gradient of its states");
    classifier_backward(tower, d_scores);
    const void *d_pooled = mean_backward(tower);
    clear_gaps(tower);
    pooler_backward(ops, &tower->pooler, &state->pooler, &tower->scratch.pooler, d_rows, d_pooled, state->rows,
                    &pattern, false);
    if (d_states) ops->download(ops, d_states, d_rows, row_bytes(tower, pattern.keys.rows));
}
