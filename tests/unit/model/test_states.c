// What the towers hand out for a head and what they do with its gradient: against PyTorch
// (tests/parity/make_states.py), against the towers that have poolers and caption loss of their own, and against
// themselves.
#include "fixture.h"
#include "model/towers/image_pool.h"

// A paper's cascade, and open_clip's family with the other ways to pool.
static const char *const names[] = {"narrow_vision", "open_clip_legacy", "open_clip_no_pooler", "coca2_parallel"};
#define LAMBDA 2.0 // make_states.py's

// Towers for a head beside a model's own, over the same parameters, and what a step through them leaves on the host.
struct tuned {
    struct golden golden;
    struct model model;
    struct safetensors file;
    struct image_tower *image_tower;
    struct text_tower *text_tower;
    int64_t tokens, W, rows; // of a picture; rows: of a caption at most
    enum dtype dtype;
    char *features, *d_features, *d_image; // of the compute type
    float *d_text;                         // [G,T-1,D]
    float *image, *text;                   // [G,tokens,W], [G,T-1,D]
    double nll;
    int64_t targets;
};

// A golden tensor in the compute type.
static char *converted(const struct safetensors *file, const char *name, enum dtype dtype) {
    size_t n = (size_t)shape_count(safetensors_find(file, name)->shape);
    float *golden = golden_copy(file, name);
    char *copy = xmalloc(n * dtype_size(dtype));
    dtype_convert(copy, dtype, golden, DT_F32, n);
    free(golden);
    return copy;
}

static struct tower_plan plan_of(const struct tuned *t) {
    return (struct tower_plan){t->model.batch, t->model.sets, true, true};
}

static void open_values(struct tuned *t) {
    const struct golden *golden = &t->golden;
    open_golden_file(&t->file, golden->name, "states");
    t->tokens = config_image_tokens(&golden->config);
    t->W = golden->config.vision.width;
    t->rows = golden->T - 1;
    t->features = converted(&golden->values, "features", t->dtype);
    t->d_image = converted(&t->file, "d_image", t->dtype);
    t->d_text = golden_copy(&t->file, "d_text");
    t->d_features = xcalloc((size_t)(golden->G * golden->N * golden->D), dtype_size(t->dtype));
    t->image = xcalloc((size_t)(golden->G * t->tokens * t->W), sizeof *t->image);
    t->text = xcalloc((size_t)(golden->G * t->rows * golden->D), sizeof *t->text);
}

static void tuned_open(struct tuned *t, const char *name, const char *device, enum dtype dtype, int sets, int M) {
    *t = (struct tuned){.dtype = dtype};
    golden_open(&t->golden, name);
    model_open(&t->model, &t->golden, device, dtype, t->golden.G / M, sets);
    open_values(t);
    t->image_tower = image_tower_new(&t->golden.config, t->model.image, plan_of(t));
    t->text_tower = text_tower_new(&t->golden.config, t->model.text, plan_of(t));
}

static void tuned_close(struct tuned *t) {
    void *pieces[] = {t->features, t->d_features, t->d_image, t->d_text, t->image, t->text};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
    image_tower_free(&t->image_tower);
    text_tower_free(&t->text_tower);
    safetensors_close(&t->file);
    model_close(&t->model);
    golden_close(&t->golden);
}

// ---- one microbatch

static int set_of(const struct tuned *t, int m) {
    return t->model.sets > 1 ? m : 0;
}

// Where microbatch m begins in a matrix of so many elements a sample.
static size_t first_of(const struct tuned *t, int m, int64_t elements) {
    return (size_t)(m * t->model.batch * elements);
}

static const uint8_t *pixels_of(const struct tuned *t, int m) {
    const uint8_t *pixels = safetensors_find(&t->golden.batch, "pixels")->data;
    return pixels + first_of(t, m, (int64_t)t->golden.S * t->golden.S * 3);
}

static const int32_t *tokens_of(const struct tuned *t, int m) {
    return (const int32_t *)(const void *)safetensors_find(&t->golden.batch, "tokens")->data +
           first_of(t, m, t->golden.T);
}

static double scale_of(const struct tuned *t) {
    return LAMBDA / (double)text_targets(&t->golden.config, tokens_of(t, 0), t->golden.G);
}

static char *features_of(const struct tuned *t, char *features, int m) {
    return features + first_of(t, m, t->golden.N * t->golden.D) * dtype_size(t->dtype);
}

static void forward_pictures(struct tuned *t, int m) {
    size_t n = (size_t)(t->model.batch * t->tokens * t->W);
    char *states = xmalloc(n * dtype_size(t->dtype));
    image_tower_begin(t->image_tower, set_of(t, m), t->model.batch, pixels_of(t, m), false, false);
    image_tower_states(t->image_tower, set_of(t, m), states);
    dtype_convert(t->image + first_of(t, m, t->tokens * t->W), DT_F32, states, t->dtype, n);
    free(states);
}

// Ragged rows of the compute type to f32 [B,T-1,D], or with `back` from there.
static void move_rows(const struct tuned *t, const struct text_states *at, char *rows, float *spread, bool back) {
    size_t D = (size_t)t->golden.D;
    for (int b = 0; b < at->B; b++) {
        char *row = rows + (size_t)at->start[b] * D * dtype_size(t->dtype);
        float *place = spread + (size_t)(b * t->rows) * D;
        if (back)
            dtype_convert(row, t->dtype, place, DT_F32, (size_t)at->count[b] * D);
        else
            dtype_convert(place, DT_F32, row, t->dtype, (size_t)at->count[b] * D);
    }
}

static char *room_for_rows(const struct tuned *t) {
    return xcalloc((size_t)(text_states_most(&t->golden.config, t->model.batch) * t->golden.D), dtype_size(t->dtype));
}

static struct text_states forward_captions(struct tuned *t, int m) {
    char *rows = room_for_rows(t);
    assert_int_equal(text_tower_forward(t->text_tower, set_of(t, m), t->model.batch, tokens_of(t, m), NULL), 0);
    struct text_states at = text_tower_states(t->text_tower, set_of(t, m), features_of(t, t->features, m), rows);
    assert_int_equal(at.B, t->model.batch);
    move_rows(t, &at, rows, t->text + first_of(t, m, t->rows * t->golden.D), false);
    free(rows);
    return at;
}

static void backward_captions(struct tuned *t, int m, const struct text_states *at, bool head, double scale) {
    char *rows = room_for_rows(t);
    move_rows(t, at, rows, t->d_text + first_of(t, m, t->rows * t->golden.D), true);
    struct caption_result result = text_tower_states_backward(t->text_tower, set_of(t, m), head ? rows : NULL, scale,
                                                              features_of(t, t->d_features, m));
    t->nll += result.nll;
    t->targets += result.targets;
    free(rows);
}

static void backward_pictures(struct tuned *t, int m) {
    size_t before = first_of(t, m, t->tokens * t->W) * dtype_size(t->dtype);
    if (t->model.sets == 1) image_tower_begin(t->image_tower, 0, t->model.batch, pixels_of(t, m), false, false);
    image_tower_states_backward(t->image_tower, set_of(t, m), t->d_image + before);
}

// All microbatches forward, then all of them back. With one set that is filled a second time.
static void run_text(struct tuned *t, bool head, double scale) {
    int M = t->golden.G / t->model.batch;
    struct text_states *at = xcalloc((size_t)M, sizeof *at);
    params_zero_gradient(t->model.text);
    t->nll = 0;
    t->targets = 0;
    for (int m = 0; m < M; m++) at[m] = forward_captions(t, m);
    for (int m = 0; m < M; m++) {
        if (t->model.sets == 1) at[m] = forward_captions(t, m);
        backward_captions(t, m, &at[m], head, scale);
        text_tower_backward(t->text_tower, set_of(t, m), NULL);
    }
    free(at);
}

static void run_image(struct tuned *t) {
    int M = t->golden.G / t->model.batch;
    params_zero_gradient(t->model.image);
    for (int m = 0; m < M; m++) forward_pictures(t, m);
    for (int m = 0; m < M; m++) backward_pictures(t, m);
}

static real *gradient_of(const struct params *params) {
    size_t bytes = (size_t)params->elements * sizeof(real);
    real *gradient = xmalloc(bytes);
    params->ops->download(params->ops, gradient, params->gradient, bytes);
    return gradient;
}

// ---- PyTorch

static void compare(const struct tuned *t, const char *name, const float *found, double tolerance) {
    float *wanted = golden_copy(&t->file, name);
    assert_near(name, found, wanted, shape_count(safetensors_find(&t->file, name)->shape), tolerance);
    free(wanted);
}

// Parameters that the file has no gradient of are not on the way.
static void compare_gradients(const struct tuned *t, const struct params *params, double tolerance) {
    real *gradient = gradient_of(params);
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        char *name = xformat("grad.%s", param->name);
        if (safetensors_find(&t->file, name))
            compare(t, name, gradient + param->offset, tolerance);
        else
            for (int64_t k = 0; k < shape_count(param->shape); k++) assert_true(gradient[param->offset + k] == 0);
        free(name);
    }
    free(gradient);
}

typedef void states_check(const char *name, const char *device, enum dtype dtype);

static void check_golden_in(const char *name, const char *device, enum dtype dtype, int sets, int M) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, sets, M);
    run_text(&t, true, scale_of(&t));
    run_image(&t);
    compare(&t, "image", t.image, 1e-5);
    compare(&t, "text", t.text, 1e-5);
    compare(&t, "d_features", (float *)(void *)t.d_features, 1e-4);
    compare_gradients(&t, t.model.image, 1e-4);
    compare_gradients(&t, t.model.text, 1e-4);
    tuned_close(&t);
}

static void check_golden(const char *name, const char *device, enum dtype dtype) {
    check_golden_in(name, device, dtype, 1, 1);
    check_golden_in(name, device, dtype, 2, 2);
}

// ---- the caption loss alone: the bits of text_tower_caption

// The plain tower's, into the same places.
static void run_captions(struct tuned *t) {
    int M = t->golden.G / t->model.batch;
    params_zero_gradient(t->model.text);
    t->nll = 0;
    t->targets = 0;
    for (int m = 0; m < M; m++) {
        text_tower_forward(t->model.text_tower, set_of(t, m), t->model.batch, tokens_of(t, m), NULL);
        struct caption_result result =
            text_tower_caption(t->model.text_tower, set_of(t, m), features_of(t, t->features, m), scale_of(t),
                               features_of(t, t->d_features, m), NULL);
        text_tower_backward(t->model.text_tower, set_of(t, m), NULL);
        t->nll += result.nll;
        t->targets += result.targets;
    }
}

static void check_captions_in(const char *name, const char *device, enum dtype dtype, int sets, int M) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, sets, M);
    size_t bytes = (size_t)(t.golden.G * t.golden.N * t.golden.D) * dtype_size(dtype);
    run_captions(&t);
    struct tuned wanted = t;
    real *gradient[2] = {gradient_of(t.model.text)};
    wanted.d_features = memcpy(xmalloc(bytes), t.d_features, bytes);
    memset(t.d_features, 0, bytes);
    run_text(&t, false, scale_of(&t));
    gradient[1] = gradient_of(t.model.text);
    assert_true(t.nll == wanted.nll && t.nll > 0 && t.targets == wanted.targets);
    assert_memory_equal(t.d_features, wanted.d_features, bytes);
    assert_memory_equal(gradient[1], gradient[0], (size_t)t.model.text->elements * sizeof(real));
    free(gradient[0]);
    free(gradient[1]);
    free(wanted.d_features);
    tuned_close(&t);
}

static void check_captions(const char *name, const char *device, enum dtype dtype) {
    check_captions_in(name, device, dtype, 1, 1);
    check_captions_in(name, device, dtype, 2, 2);
}

// ---- two gradients are their sum

static void check_sum(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    real *gradient[3];
    tuned_open(&t, name, device, dtype, 1, 1);
    int64_t n = t.model.text->elements;
    for (int i = 0; i < 3; i++) {
        run_text(&t, i != 1, i != 0 ? scale_of(&t) : 0);
        assert_true((t.targets > 0) == (i != 0));
        gradient[i] = gradient_of(t.model.text);
    }
    for (int64_t i = 0; i < n; i++) gradient[0][i] += gradient[1][i];
    assert_near("sum", gradient[2], gradient[0], n, 1e-5);
    run_text(&t, false, 0);
    for (int i = 0; i < 3; i++) free(gradient[i]);
    gradient[0] = gradient_of(t.model.text);
    for (int64_t i = 0; i < n; i++) assert_true(gradient[0][i] == 0);
    free(gradient[0]);
    tuned_close(&t);
}

// ---- a second forward pass, and passes that are issued, recorded and replayed

static void check_same_bits(const char *name, const char *device, enum dtype dtype) {
    struct tuned t[2];
    real *gradient[4];
    for (int i = 0; i < 2; i++) tuned_open(&t[i], name, device, dtype, 2 - i, 2);
    const struct params *part[] = {t[0].model.text, t[0].model.image, t[1].model.text, t[1].model.image};
    for (int pass = 0; pass < 4; pass++) {
        for (int i = 0; i < 2; i++) {
            run_text(&t[i], true, scale_of(&t[i]));
            run_image(&t[i]);
        }
        for (int i = 0; i < 4; i++) gradient[i] = gradient_of(part[i]);
        for (int i = 0; i < 2; i++)
            assert_memory_equal(gradient[i], gradient[i + 2], (size_t)part[i]->elements * sizeof(real));
        for (int i = 0; i < 4; i++) free(gradient[i]);
    }
    assert_true(t[0].nll == t[1].nll);
    for (int i = 0; i < 2; i++) tuned_close(&t[i]);
}

// ---- the first pooler by hand

// Its layer behind states that went through host memory.
struct hand {
    struct image_pool_dims dims;
    struct spans tokens, queries, results;
    struct pooler pooler;
    struct pooler_state state;
    struct pooler_scratch scratch;
    void *states, *d_states, *d_features; // [B·tokens,W], [B·Q,D]
    void *memory;
};

static void plan_hand(struct hand *hand, struct arena *arena, enum dtype dtype, int B) {
    struct planner planner = {arena, dtype, true};
    const struct image_pool_dims *dims = &hand->dims;
    int64_t Rk = B * dims->tokens;
    spans_plan(&hand->tokens, B, (int)dims->tokens, &planner);
    spans_plan(&hand->queries, B, (int)dims->rows, &planner);
    spans_plan(&hand->results, B, (int)dims->rows, &planner);
    hand->states = plan_rows(&planner, Rk, dims->W);
    hand->d_states = plan_rows(&planner, Rk, dims->W);
    hand->d_features = plan_rows(&planner, B * dims->rows, dims->D);
    pooler_plan(&hand->state, B, Rk, &dims->generative, &planner);
    pooler_plan_scratch(&hand->scratch, B, Rk, &dims->generative, &planner);
}

static void hand_open(struct hand *hand, const struct tuned *t) {
    struct ops *ops = t->model.ops;
    struct arena arena;
    int B = t->golden.G;
    *hand = (struct hand){.dims = image_pool_dims_of(&t->golden.config)};
    hand->pooler = pooler_find(t->model.image, "visual.attn_pool", hand->dims.generative);
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_hand(hand, &arena, t->dtype, B);
    size_t bytes = arena.peak;
    hand->memory = ops_allocate(ops, bytes);
    arena_begin(&arena, hand->memory, bytes);
    plan_hand(hand, &arena, t->dtype, B);
    spans_fill(ops, &hand->tokens, B, hand->tokens.max);
    spans_fill(ops, &hand->queries, B, 0);
    spans_fill(ops, &hand->results, B, hand->results.max);
}

// features and d_states, on the host.
static void pool(struct hand *hand, const struct tuned *t, char *features, char *d_states, const char *states) {
    struct ops *ops = t->model.ops;
    int B = t->golden.G;
    int64_t Rk = B * hand->dims.tokens, R = B * hand->dims.rows;
    size_t tokens = (size_t)(Rk * t->W) * dtype_size(t->dtype), rows = (size_t)(R * t->golden.D) * dtype_size(t->dtype);
    struct attention_pattern pattern = {.B = B,
                                        .queries = spans_rows(&hand->queries, hand->dims.rows),
                                        .keys = spans_rows(&hand->tokens, Rk),
                                        .results = spans_rows(&hand->results, R)};
    ops->upload(ops, hand->states, states, tokens);
    pooler_apply(ops, &hand->pooler, &hand->state, hand->states, &pattern);
    ops->download(ops, features, hand->state.out, rows);
    ops->upload(ops, hand->d_features, t->d_features, rows);
    pooler_backward(ops, &hand->pooler, &hand->state, &hand->scratch, hand->d_states, hand->d_features, hand->states,
                    &pattern, false);
    ops->download(ops, d_states, hand->d_states, tokens);
}

static void check_pooled(struct tuned *t, struct hand *hand) {
    size_t element = dtype_size(t->dtype), rows = (size_t)(t->golden.G * t->golden.N * t->golden.D) * element;
    size_t tokens = (size_t)(t->golden.G * t->tokens * t->W) * element;
    char *features[2] = {xmalloc(rows), xmalloc(rows)}, *states = xmalloc(tokens), *d_states = xmalloc(tokens);
    params_zero_gradient(t->model.image);
    image_tower_forward(t->model.image_tower, 0, t->golden.G, pixels_of(t, 0), features[0], NULL);
    image_tower_backward(t->model.image_tower, 0, t->d_features, NULL);
    real *gradient[2] = {gradient_of(t->model.image)};
    params_zero_gradient(t->model.image);
    image_tower_begin(t->image_tower, 0, t->golden.G, pixels_of(t, 0), false, false);
    image_tower_states(t->image_tower, 0, states);
    pool(hand, t, features[1], d_states, states);
    image_tower_states_backward(t->image_tower, 0, d_states);
    gradient[1] = gradient_of(t->model.image);
    assert_memory_equal(features[1], features[0], rows);
    assert_memory_equal(gradient[1], gradient[0], (size_t)t->model.image->elements * sizeof(real));
    void *pieces[] = {features[0], features[1], states, d_states, gradient[0], gradient[1]};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
}

// Where attn_pool's results are the features.
static void check_pooler(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    struct hand hand;
    tuned_open(&t, name, device, dtype, 1, 1);
    if (t.golden.config.vision.pool == POOL_CASCADE || t.golden.config.vision.pool == POOL_PARALLEL) {
        free(t.d_features);
        t.d_features = converted(&t.file, "d_features", dtype);
        hand_open(&hand, &t);
        check_pooled(&t, &hand);
        ops_release(t.model.ops, hand.memory);
    }
    tuned_close(&t);
}

// ---- without training, shorter microbatches, fillers, uploads ahead, memory

static void check_evaluation(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, 1, 1);
    struct tower_plan plan = {t.golden.G + 1, 2, false, true};
    size_t image = (size_t)(t.golden.G * t.tokens * t.W) * sizeof(float);
    size_t text = (size_t)(t.golden.G * t.rows * t.golden.D) * sizeof(float);
    run_text(&t, true, scale_of(&t));
    run_image(&t);
    float *wanted[2] = {memcpy(xmalloc(image), t.image, image), memcpy(xmalloc(text), t.text, text)};
    double nll = t.nll;
    image_tower_free(&t.image_tower);
    text_tower_free(&t.text_tower);
    t.image_tower = image_tower_new(&t.golden.config, t.model.image, plan);
    t.text_tower = text_tower_new(&t.golden.config, t.model.text, plan);
    forward_pictures(&t, 0);
    forward_captions(&t, 0);
    assert_memory_equal(t.image, wanted[0], image);
    assert_memory_equal(t.text, wanted[1], text);
    assert_true(text_tower_states_backward(t.text_tower, 0, NULL, 1, NULL).nll == nll);
    assert_true(text_tower_states_backward(t.text_tower, 0, NULL, 0, NULL).targets == 0);
    assert_true(text_tower_caption(t.text_tower, 0, t.features, 1, NULL, NULL).nll == nll);
    free(wanted[0]);
    free(wanted[1]);
    tuned_close(&t);
}

static void on(states_check *check, const char *device, enum dtype dtype) {
    struct ops *ops;
    if (ops_open(&ops, device, dtype, 1)) skip();
    ops_close(&ops);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check(names[i], device, dtype);
}

// Filler rows lie where the microbatch before had captions' rows.
static void check_fillers(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, 1, 2);
    text_tower_free(&t.text_tower);
    t.model.ops->queued = true;
    t.text_tower = text_tower_new(&t.golden.config, t.model.text, plan_of(&t));
    run_text(&t, true, scale_of(&t));
    compare(&t, "text", t.text, 1e-5);
    compare(&t, "d_features", (float *)(void *)t.d_features, 1e-4);
    compare_gradients(&t, t.model.text, 1e-4);
    tuned_close(&t);
}

static void test_fillers(void **state) {
    (void)state;
    on(check_fillers, "reference", DT_REAL);
}

static void check_ahead(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, 1, 2);
    size_t bytes = (size_t)(t.model.batch * t.tokens * t.W) * dtype_size(dtype);
    char *found = xmalloc(bytes), *wanted = xmalloc(bytes);
    image_tower_begin(t.image_tower, 0, t.model.batch, pixels_of(&t, 1), false, false);
    image_tower_states(t.image_tower, 0, wanted);
    image_tower_free(&t.image_tower);
    t.model.ops->queued = true;
    t.image_tower = image_tower_new(&t.golden.config, t.model.image, plan_of(&t));
    image_tower_begin(t.image_tower, 0, t.model.batch, pixels_of(&t, 0), false, false);
    image_tower_fetch(t.image_tower, t.model.batch, pixels_of(&t, 1));
    image_tower_states(t.image_tower, 0, found);
    assert_memory_not_equal(found, wanted, bytes);
    image_tower_begin(t.image_tower, 0, t.model.batch, pixels_of(&t, 1), false, false);
    image_tower_states(t.image_tower, 0, found);
    assert_memory_equal(found, wanted, bytes);
    free(found);
    free(wanted);
    tuned_close(&t);
}

static void test_pixels_ahead(void **state) {
    (void)state;
    on(check_ahead, "reference", DT_REAL);
}

static int64_t allocated;
static void (*allocate)(struct ops *ops, void **memory, size_t bytes);

static void counting_allocate(struct ops *ops, void **memory, size_t bytes) {
    allocated += (int64_t)bytes;
    allocate(ops, memory, bytes);
}

// What is announced is taken, once; no poolers are paid for; two sets hold two microbatches of the multimodal half.
static void check_memory(const char *name, const char *device, enum dtype dtype) {
    struct tuned t;
    tuned_open(&t, name, device, dtype, 1, 2);
    struct ops *ops = t.model.ops;
    const struct model_config *config = &t.golden.config;
    struct tower_plan plan = plan_of(&t), plain = plan, two = plan;
    plain.states = false;
    two.sets = 2;
    image_tower_free(&t.image_tower);
    text_tower_free(&t.text_tower);
    allocate = ops->allocate;
    ops->allocate = counting_allocate;
    allocated = 0;
    t.image_tower = image_tower_new(config, t.model.image, plan);
    t.text_tower = text_tower_new(config, t.model.text, plan);
    run_text(&t, true, scale_of(&t));
    run_image(&t);
    assert_int_equal(allocated, image_tower_bytes(config, ops, plan) + text_tower_bytes(config, ops, plan));
    assert_true(image_tower_bytes(config, ops, plan) < image_tower_bytes(config, ops, plain));
    int64_t more = text_tower_bytes(config, ops, two) - text_tower_bytes(config, ops, plan);
    two.states = false;
    assert_true(more > text_tower_bytes(config, ops, two) - text_tower_bytes(config, ops, plain));
    tuned_close(&t);
}

static void test_memory(void **state) {
    (void)state;
    on(check_memory, "reference", DT_REAL);
}

// ---- on every backend

struct check {
    states_check *run;
    const char *device;
    enum dtype dtype;
};

static void test_on(void **state) {
    const struct check *check = *state;
    on(check->run, check->device, check->dtype);
}

static struct CMUnitTest row_of(const char *name, struct check *check) {
    return (struct CMUnitTest){name, test_on, NULL, NULL, check};
}

#define ON(what, device, type) row_of(device " " #type ": " #what, &(struct check){check_##what, device, type})
#define ON_F32(device)                                                                                                 \
    ON(golden, device, DT_F32), ON(captions, device, DT_F32), ON(sum, device, DT_F32), ON(same_bits, device, DT_F32),  \
        ON(pooler, device, DT_F32), ON(evaluation, device, DT_F32)
#define ON_BF16(device) ON(captions, device, DT_BF16), ON(same_bits, device, DT_BF16), ON(pooler, device, DT_BF16)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_F32("reference"),
        ON_F32("cpu"),
        ON_F32("cuda:0"),
        ON_BF16("cpu"),
        ON_BF16("cuda:0"),
        cmocka_unit_test(test_fillers),
        cmocka_unit_test(test_pixels_ahead),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
