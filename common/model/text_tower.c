#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/text_multimodal.h"
#include "model/text_unimodal.h"
#include "model/towers.h"

// The unimodal activations of one microbatch. The multimodal half runs forward and backward in one call, so its
// activations are the tower's, and all that outlives the call is the gradient of the token states.
struct text_set {
    struct text_rows rows;
    struct unimodal_state state;
    void *d_states;    // [targets,D]
    bool has_d_states; // since the last forward pass
};

struct text_tower {
    struct model_config config;
    struct tower_plan plan;
    struct unimodal_dims unimodal_dims;
    struct multimodal_dims multimodal_dims;
    struct text_set *set; // [sets]
    struct multimodal_state multimodal_state;
    struct multimodal_scratch multimodal_scratch;
    struct unimodal_scratch unimodal_scratch;

    struct params *params;
    struct unimodal unimodal;
    struct multimodal multimodal;
    void *memory;
};

static void plan_set(struct text_set *set, const struct text_tower *tower, struct planner *planner) {
    int B = tower->plan.batch;
    text_rows_plan(&set->rows, planner);
    if (planner->train)
        set->d_states = plan_rows(planner, text_rows_targets(B, tower->multimodal_dims.T), tower->multimodal_dims.D);
    unimodal_plan(&set->state, B, &tower->unimodal_dims, planner);
}

// The multimodal half and the unimodal backward pass never run at the same time and share their place.
static void plan_memory(struct text_tower *tower, struct arena *arena, enum dtype dtype) {
    struct planner planner = {arena, dtype, tower->plan.train};
    int B = tower->plan.batch;
    for (int i = 0; i < tower->plan.sets; i++) {
        plan_set(&tower->set[i], tower, &planner);
        plan_seal(&planner); // sets are filled in any order
    }
    size_t mark = arena_mark(arena);
    multimodal_plan(&tower->multimodal_state, B, &tower->multimodal_dims, &planner);
    if (!tower->plan.train) return;
    multimodal_plan_scratch(&tower->multimodal_scratch, B, &tower->multimodal_dims, &planner);
    arena_reset(arena, mark);
    unimodal_plan_scratch(&tower->unimodal_scratch, B, &tower->unimodal_dims, &planner);
}

static void init_set(struct text_set *set, const struct model_config *config, int batch) {
    text_rows_init(&set->rows, config, batch);
    transformer_state_init(&set->state.transformer, config->text.layers);
}

// A tower without parameters and memory, which can be planned.
static struct text_tower *skeleton(const struct model_config *config, struct tower_plan plan) {
    struct text_tower *tower = xcalloc(1, sizeof *tower);
    tower->config = *config;
    tower->plan = plan;
    tower->unimodal_dims = unimodal_dims_of(config);
    tower->multimodal_dims = multimodal_dims_of(config);
    tower->set = xcalloc((size_t)plan.sets, sizeof *tower->set);
    for (int i = 0; i < plan.sets; i++) init_set(&tower->set[i], config, plan.batch);
    multimodal_state_init(&tower->multimodal_state, config->decoder.layers);
    return tower;
}

static size_t measure(struct text_tower *tower, enum dtype dtype) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(tower, &arena, dtype);
    return arena.peak;
}

int64_t text_tower_bytes(const struct model_config *config, enum dtype dtype, struct tower_plan plan) {
    struct text_tower *tower = skeleton(config, plan);
    size_t bytes = measure(tower, dtype);
    text_tower_free(&tower);
    return (int64_t)bytes;
}

struct text_tower *text_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan) {
    struct text_tower *tower = skeleton(config, plan);
    struct arena arena;
    size_t bytes = measure(tower, params->ops->dtype);
    tower->params = params;
    tower->memory = ops_allocate(params->ops, bytes);
    arena_begin(&arena, tower->memory, bytes);
    plan_memory(tower, &arena, params->ops->dtype);
    unimodal_find(&tower->unimodal, params, &tower->config);
    multimodal_find(&tower->multimodal, params, &tower->config);
    return tower;
}

static void release_set(struct text_set *set) {
    text_rows_release(&set->rows);
    transformer_state_release(&set->state.transformer);
}

void text_tower_free(struct text_tower **tower) {
    if (!*tower) return;
    for (int i = 0; i < (*tower)->plan.sets; i++) release_set(&(*tower)->set[i]);
    multimodal_state_release(&(*tower)->multimodal_state);
    unimodal_release(&(*tower)->unimodal);
    multimodal_release(&(*tower)->multimodal);
    if ((*tower)->memory) ops_release((*tower)->params->ops, (*tower)->memory);
    free((*tower)->set);
    free(*tower);
    *tower = NULL;
}

int text_tower_forward(struct text_tower *tower, int index, int B, const int32_t *tokens, float *embedding) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    set->has_d_states = false;
    int status = text_rows_build(&set->rows, ops, &tower->config.text, tokens, B);
    if (!status) unimodal_apply(ops, &tower->unimodal, &set->state, embedding, &set->rows);
    return status;
}

// Rows of the compute type [targets,V] → f32 [B,T-1,V], zeros where there is no target.
static void spread_logits(float *to, const char *from, const struct text_rows *rows, enum dtype dtype, int64_t V) {
    const int32_t *count = rows->host + rows->offset[ROW_TARGET_COUNT];
    const int32_t *target = rows->host + rows->offset[ROW_TARGET];
    memset(to, 0, (size_t)(rows->B * (rows->T - 1) * V) * sizeof *to);
    for (int b = 0; b < rows->B; b++, to += (rows->T - 1) * V)
        for (int t = 0; t < count[b]; t++, from += (size_t)V * dtype_size(dtype))
            if (*target++ >= 0) dtype_convert(to + t * V, DT_F32, from, dtype, (size_t)V);
}

struct caption_result text_tower_caption(struct text_tower *tower, int index, const void *features, double scale,
                                         void *d_features, float *logits) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    const struct text_rows *rows = &set->rows;
    const struct linear *head = &tower->multimodal.text_projection;
    struct multimodal_state *state = &tower->multimodal_state;
    char *rows_of_logits = logits ? xmalloc((size_t)(rows->targets * head->O) * dtype_size(ops->dtype)) : NULL;
    multimodal_apply(ops, &tower->multimodal, state, features, set->state.transformer.out, rows);
    double nll =
        caption_head_run(ops, head, &state->head, d_features ? tower->multimodal_scratch.d_norm : NULL, rows_of_logits,
                         state->ln_final.out, text_rows_list(rows, ROW_TARGET), scale, rows->targets);
    if (logits) spread_logits(logits, rows_of_logits, rows, ops->dtype, head->O);
    free(rows_of_logits);
    if (d_features) {
        multimodal_backward(ops, &tower->multimodal, state, &tower->multimodal_scratch, set->d_states, d_features,
                            rows);
        set->has_d_states = true;
    }
    return (struct caption_result){nll, rows->counted};
}

void text_tower_backward(struct text_tower *tower, int index, const float *d_embedding) {
    struct text_set *set = &tower->set[index];
    if (!set->has_d_states && !d_embedding) return;
    unimodal_backward(tower->params->ops, &tower->unimodal, &set->state, &tower->unimodal_scratch,
                      set->has_d_states ? set->d_states : NULL, d_embedding, &set->rows);
}

int64_t text_state_bytes(const struct model_config *config, enum dtype dtype, int batch) {
    return (int64_t)batch * (config->text.context_length - 1) * config->text.width * (int64_t)dtype_size(dtype);
}

static size_t d_states_bytes(const struct text_tower *tower, const struct text_set *set) {
    return (size_t)(set->rows.targets * tower->multimodal_dims.D) * dtype_size(tower->params->ops->dtype);
}

void text_tower_save_state_gradient(struct text_tower *tower, int index, void *host) {
    const struct text_set *set = &tower->set[index];
    tower->params->ops->download(tower->params->ops, host, set->d_states, d_states_bytes(tower, set));
}

void text_tower_load_state_gradient(struct text_tower *tower, int index, const void *host) {
    struct text_set *set = &tower->set[index];
    tower->params->ops->upload(tower->params->ops, set->d_states, host, d_states_bytes(tower, set));
    set->has_d_states = true;
}
