// The text half of towers.h: the unimodal half, the multimodal half and the caption head, over ragged rows. The
// protocol decides its shape: no gradient exists before the text embeddings of all microbatches are known, so the
// unimodal half runs forward for all microbatches and its activations wait in sets, while the multimodal half goes
// forward and back at once when a picture's features arrive; for a head, text_states.c has it in two calls.
// coca-text-decode drives it.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/towers/text_tower_private.h"

static void plan_set(struct text_set *set, const struct text_tower *tower, struct planner *planner) {
    text_rows_plan(&set->rows, planner);
    if (planner->train) set->d_states = plan_rows(planner, set->rows.most_targets, tower->multimodal_dims.D);
    unimodal_plan(&set->state, &set->rows, &tower->unimodal_dims, planner);
    if (tower->plan.states) multimodal_plan(set->decoder, &set->rows, &tower->multimodal_dims, planner);
}

// The multimodal half and the unimodal backward pass never run at the same time and share their place: all of that half
// where a call is done with it, else what is not in the sets.
static void plan_memory(struct text_tower *tower, struct arena *arena, enum dtype dtype) {
    struct planner planner = {arena, dtype, tower->plan.train};
    const struct text_rows *rows = &tower->set[0].rows; // as large as any set's
    for (int i = 0; i < tower->plan.sets; i++) {
        plan_set(&tower->set[i], tower, &planner);
        plan_seal(&planner); // sets are filled in any order
    }
    size_t mark = arena_mark(arena);
    caption_head_plan(&tower->head, rows->most_targets, tower->multimodal_dims.V, &planner);
    if (!tower->plan.states) multimodal_plan(tower->decoder, rows, &tower->multimodal_dims, &planner);
    if (!tower->plan.train) return;
    multimodal_plan_scratch(&tower->multimodal_scratch, rows, &tower->multimodal_dims, &planner);
    arena_reset(arena, mark);
    unimodal_plan_scratch(&tower->unimodal_scratch, rows, &tower->unimodal_dims, &planner);
}

static void init_set(struct text_set *set, const struct model_config *config, const struct ops *ops, int batch) {
    text_rows_init(&set->rows, config, batch, ops->queued);
    transformer_state_init(&set->state.transformer, config->text.layers);
}

// Sets of multimodal activations.
static int decoders(const struct text_tower *tower) {
    return tower->plan.states ? tower->plan.sets : 1;
}

static void init_decoders(struct text_tower *tower) {
    int count = decoders(tower);
    tower->decoder = xcalloc((size_t)count, sizeof *tower->decoder);
    for (int i = 0; i < count; i++) multimodal_state_init(&tower->decoder[i], tower->config.decoder.layers);
    for (int i = 0; i < tower->plan.sets; i++) tower->set[i].decoder = &tower->decoder[i % count];
}

// A tower without parameters and memory, which can be planned.
static struct text_tower *skeleton(const struct model_config *config, const struct ops *ops, struct tower_plan plan) {
    struct text_tower *tower = xcalloc(1, sizeof *tower);
    tower->config = *config;
    tower->plan = plan;
    tower->unimodal_dims = unimodal_dims_of(config);
    tower->multimodal_dims = multimodal_dims_of(config);
    tower->set = xcalloc((size_t)plan.sets, sizeof *tower->set);
    for (int i = 0; i < plan.sets; i++) init_set(&tower->set[i], config, ops, plan.batch);
    init_decoders(tower);
    return tower;
}

static size_t measure(struct text_tower *tower, enum dtype dtype) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(tower, &arena, dtype);
    return arena.peak;
}

int64_t text_tower_bytes(const struct model_config *config, const struct ops *ops, struct tower_plan plan) {
    struct text_tower *tower = skeleton(config, ops, plan);
    size_t bytes = measure(tower, ops->dtype);
    text_tower_free(&tower);
    return (int64_t)bytes;
}

struct text_tower *text_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan) {
    struct text_tower *tower = skeleton(config, params->ops, plan);
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

// A tower that was only planned has no parameters.
static void release_set(struct text_set *set, const struct params *params) {
    text_rows_release(&set->rows);
    transformer_state_release(&set->state.transformer);
    if (!params) return;
    graph_table_release(&set->unimodal, params->ops);
    graph_table_release(&set->multimodal, params->ops);
    graph_table_release(&set->multimodal_backward, params->ops);
    graph_table_release(&set->backward, params->ops);
}

void text_tower_free(struct text_tower **tower) {
    if (!*tower) return;
    for (int i = 0; i < (*tower)->plan.sets; i++) release_set(&(*tower)->set[i], (*tower)->params);
    for (int i = 0; i < decoders(*tower); i++) multimodal_state_release(&(*tower)->decoder[i]);
    free((*tower)->decoder);
    unimodal_release(&(*tower)->unimodal);
    multimodal_release(&(*tower)->multimodal);
    if ((*tower)->memory) ops_release((*tower)->params->ops, (*tower)->memory);
    free((*tower)->set);
    free(*tower);
    *tower = NULL;
}

struct graph_key text_key(const struct text_rows *rows, int with) {
    return (struct graph_key){
        {rows->B, rows->states, rows->targets, rows->state_max, rows->target_max, rows->masked, with}};
}

static void run_unimodal(struct text_tower *tower, struct text_set *set) {
    struct ops *ops = tower->params->ops;
    bool issued;
    graph_table_begin(&set->unimodal, ops, text_key(&set->rows, 0), &issued);
    if (issued) return;
    unimodal_apply(ops, &tower->unimodal, &set->state, &set->rows);
    graph_table_end(&set->unimodal, ops);
}

int text_tower_forward(struct text_tower *tower, int index, int B, const int32_t *tokens, float *embedding) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    set->has_d_states = false;
    int status = text_rows_build(&set->rows, ops, &tower->config.text, tokens, B);
    if (status) return status;
    run_unimodal(tower, set);
    unimodal_project(ops, &tower->unimodal, &set->state, embedding, &set->rows);
    return 0;
}

size_t text_feature_bytes(const struct text_tower *tower, const struct text_set *set) {
    const struct multimodal_dims *dims = &tower->multimodal_dims;
    return (size_t)(set->rows.B * dims->N * dims->D) * dtype_size(tower->params->ops->dtype);
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

void text_run_head(struct text_tower *tower, struct text_set *set, void *d_norm, void *logits) {
    caption_head_run(tower->params->ops, &tower->multimodal.text_projection, &tower->head, d_norm, logits,
                     set->decoder->ln_final.out, text_rows_list(&set->rows, ROW_TARGET), set->rows.targets);
}

// Between the features and their gradient. logits as caption_head_run has them.
static void multimodal(struct text_tower *tower, struct text_set *set, void *logits, bool backward) {
    struct ops *ops = tower->params->ops;
    struct multimodal_scratch *scratch = &tower->multimodal_scratch;
    multimodal_apply(ops, &tower->multimodal, set->decoder, set->state.transformer.out, &set->rows);
    text_run_head(tower, set, backward ? scratch->d_norm : NULL, logits);
    if (backward) multimodal_backward(ops, &tower->multimodal, set->decoder, scratch, set->d_states, &set->rows);
}

// Without logits nothing goes to the host in between, so the operations may be recorded; with them they are not.
static void run_multimodal(struct text_tower *tower, struct text_set *set, bool backward) {
    struct ops *ops = tower->params->ops;
    bool issued;
    graph_table_begin(&set->multimodal, ops, text_key(&set->rows, backward ? TEXT_PASS_TRAINING : TEXT_PASS_LOSS),
                      &issued);
    if (issued) return;
    multimodal(tower, set, NULL, backward);
    graph_table_end(&set->multimodal, ops);
}

// logits f32 [B,T-1,V].
static void run_with_logits(struct text_tower *tower, struct text_set *set, float *logits, bool backward) {
    enum dtype dtype = tower->params->ops->dtype;
    int64_t V = tower->multimodal_dims.V;
    char *rows = xmalloc((size_t)(set->rows.targets * V) * dtype_size(dtype));
    multimodal(tower, set, rows, backward);
    spread_logits(logits, rows, &set->rows, dtype, V);
    free(rows);
}

// The gradient of the token states stays in the set: it becomes the unimodal half's part of the backward pass, which
// waits for d_embedding, so that both go back through the same blocks once.
struct caption_result text_tower_caption(struct text_tower *tower, int index, const void *features, double scale,
                                         void *d_features, float *logits) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    size_t bytes = text_feature_bytes(tower, set);
    ops->upload(ops, set->decoder->features, features, bytes);
    caption_head_begin(ops, &tower->head, scale);
    if (logits)
        run_with_logits(tower, set, logits, d_features != NULL);
    else
        run_multimodal(tower, set, d_features != NULL);
    if (d_features) {
        ops->download(ops, d_features, tower->multimodal_scratch.d_features, bytes);
        set->has_d_states = true;
    }
    return (struct caption_result){caption_head_total(ops, &tower->head), set->rows.counted};
}

static void run_backward(struct text_tower *tower, struct text_set *set, bool embedding) {
    struct ops *ops = tower->params->ops;
    bool issued;
    graph_table_begin(&set->backward, ops, text_key(&set->rows, set->has_d_states * 2 + embedding), &issued);
    if (issued) return;
    unimodal_backward(ops, &tower->unimodal, &set->state, &tower->unimodal_scratch,
                      set->has_d_states ? set->d_states : NULL, embedding, &set->rows);
    graph_table_end(&set->backward, ops);
}

// Without either gradient there is nothing to do, and the weights' gradients stay as they are.
void text_tower_backward(struct text_tower *tower, int index, const float *d_embedding) {
    struct text_set *set = &tower->set[index];
    if (!set->has_d_states && !d_embedding) return;
    if (d_embedding)
        unimodal_project_backward(tower->params->ops, &tower->unimodal, &set->state, &tower->unimodal_scratch,
                                  d_embedding, &set->rows);
    run_backward(tower, set, d_embedding != NULL);
}

int64_t text_state_bytes(const struct model_config *config, enum dtype dtype, int batch) {
    return (int64_t)batch * (config->text.context_length - 1) * config->text.width * (int64_t)dtype_size(dtype);
}

size_t text_row_bytes(const struct text_tower *tower, int64_t rows) {
    return (size_t)(rows * tower->multimodal_dims.D) * dtype_size(tower->params->ops->dtype);
}

// Fillers' rows are zero and stand behind the captions': they are not kept, and are zeroed when the rest comes back. So
// what is kept needs room for captions only.
void text_tower_save_state_gradient(struct text_tower *tower, int index, void *host) {
    const struct text_set *set = &tower->set[index];
    tower->params->ops->download(tower->params->ops, host, set->d_states, text_row_bytes(tower, set->rows.captioned));
}

void text_take_rows(struct text_tower *tower, struct text_set *set, const void *host) {
    struct ops *ops = tower->params->ops;
    size_t captions = text_row_bytes(tower, set->rows.captioned), all = text_row_bytes(tower, set->rows.targets);
    ops->upload(ops, set->d_states, host, captions);
    ops->zero(ops, (char *)set->d_states + captions, all - captions);
}

void text_tower_load_state_gradient(struct text_tower *tower, int index, const void *host) {
    struct text_set *set = &tower->set[index];
    text_take_rows(tower, set, host);
    set->has_d_states = true;
}
