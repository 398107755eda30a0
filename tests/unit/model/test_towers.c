// What the towers promise besides numbers: what they refuse, what may be left out, and what they allocate.
#include "fixture.h"

static void open_model(struct golden *golden, struct model *model, struct outcome *outcome, int batch) {
    golden_open(golden, "narrow_vision");
    model_open(model, golden, "reference", DT_REAL, batch, 1);
    outcome_init(outcome, model);
}

static void close_model(struct golden *golden, struct model *model, struct outcome *outcome) {
    outcome_release(outcome);
    model_close(model);
    golden_close(golden);
}

static void test_malformed_captions(void **state) {
    (void)state;
    static const int32_t row[][9] = {
        {3, 4, 2, 0, 0, 0, 0, 0, 0},  // no BOS
        {1, 4, 5, 6, 7, 8, 9, 9, 9},  // no EOS
        {1, 0, 2, 0, 0, 0, 0, 0, 0},  // padding inside
        {1, 4, 2, 0, 0, 5, 0, 0, 0},  // a word behind EOS
        {1, 4, 2, 2, 0, 0, 0, 0, 0},  // EOS twice
        {1, 61, 2, 0, 0, 0, 0, 0, 0}, // beyond the vocabulary
        {1, -1, 2, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0},
    };
    const int32_t good[9] = {1, 60, 2};
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 2);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int32_t tokens[18];
        memcpy(tokens, good, sizeof good);
        memcpy(tokens + 9, row[i], sizeof row[i]);
        assert_int_equal(text_tower_forward(model.text_tower, 0, 2, tokens, NULL), -EXIT_DATA);
        assert_int_equal(text_tower_forward(model.text_tower, 0, 1, tokens, NULL), 0);
    }
    close_model(&golden, &model, &outcome);
}

static void test_targets(void **state) {
    (void)state;
    struct model_config config = {.text = {.context_length = 4, .pad_id = 0}};
    assert_int_equal(text_targets(&config, (int32_t[]){1, 5, 6, 2, 1, 2, 0, 0}, 2), 4);
}

// Evaluation keeps nothing, and finds the same.
static void test_towers_without_training(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome trained, evaluated;
    open_model(&golden, &model, &trained, 6);
    outcome_init(&evaluated, &model);
    run_step(&model, &trained);
    struct tower_plan plan = {6, 1, false, false};
    struct image_tower *image = image_tower_new(&golden.config, model.image, plan);
    struct text_tower *text = text_tower_new(&golden.config, model.text, plan);
    struct turn turn = turn_of(&model, &evaluated, 0);
    image_tower_forward(image, 0, 6, turn.pixels, turn.features, turn.image);
    assert_int_equal(text_tower_forward(text, 0, 6, turn.tokens, turn.text), 0);
    struct caption_result caption = text_tower_caption(text, 0, turn.features, 1, NULL, turn.logits);
    size_t bytes = (size_t)(golden.G * golden.E) * sizeof(float);
    assert_memory_equal(evaluated.image, trained.image, bytes);
    assert_memory_equal(evaluated.text, trained.text, bytes);
    memset(evaluated.image, 0, bytes);
    image_tower_forward(image, 0, 6, turn.pixels, NULL, turn.image);
    assert_memory_equal(evaluated.image, trained.image, bytes); // without features too
    assert_memory_equal(evaluated.logits, trained.logits,
                        (size_t)(golden.G * (golden.T - 1) * golden.V) * sizeof(float));
    assert_near_number("caption loss", caption.nll / (double)caption.targets, trained.caption_loss, 1e-12);
    assert_true(image_tower_bytes(&golden.config, model.ops, plan) <
                image_tower_bytes(&golden.config, model.ops, (struct tower_plan){6, 1, true, false}));
    image_tower_free(&image);
    text_tower_free(&text);
    outcome_release(&evaluated);
    close_model(&golden, &model, &trained);
}

// Where features are not wanted, most queries of attn_pool are left out, which must not show in the embedding's bits.
static void check_embedding_alone(const char *name) {
    struct golden golden;
    struct ops *ops;
    golden_open(&golden, name);
    golden.config.vision.queries = 20;
    assert_int_equal(ops_open(&ops, "cpu", DT_REAL, 2), 0);
    struct params *params = params_new(ops, &golden.config, &image_part, false);
    params_initialize(params, 5);
    params_refresh(params);
    struct image_tower *tower = image_tower_new(&golden.config, params, (struct tower_plan){2, 1, false, false});
    size_t pixels = (size_t)(2 * golden.S * golden.S * 3), bytes = (size_t)(2 * golden.E) * sizeof(float);
    uint8_t *pixel = xcalloc(pixels, 1);
    for (size_t i = 0; i < pixels; i++) pixel[i] = (uint8_t)(i * 37 % 251);
    float *features = xcalloc((size_t)(2 * config_feature_tokens(&golden.config) * golden.D), sizeof *features);
    float *with = xcalloc(1, bytes), *without = xcalloc(1, bytes);
    image_tower_forward(tower, 0, 2, pixel, features, with);
    image_tower_forward(tower, 0, 2, pixel, NULL, without);
    assert_memory_equal(with, without, bytes);
    assert_true(with[0] != 0);
    free(pixel);
    free(features);
    free(with);
    free(without);
    image_tower_free(&tower);
    params_free(&params);
    ops_close(&ops);
    golden_close(&golden);
}

static void test_an_embedding_without_features(void **state) {
    (void)state;
    static const char *const names[] = {"open_clip_legacy", "open_clip_no_pooler", "open_clip_parallel",
                                        "open_clip_cascade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_embedding_alone(names[i]);
}

// Sets may be filled in any order, and one more forward pass into a set disturbs no other.
static void test_sets_are_apart(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 6);
    struct text_tower *text = text_tower_new(&golden.config, model.text, (struct tower_plan){3, 2, false, false});
    struct turn turn = turn_of(&model, &outcome, 0);
    image_tower_forward(model.image_tower, 0, 6, turn.pixels, turn.features, NULL);
    assert_int_equal(text_tower_forward(text, 1, 3, turn.tokens, NULL), 0);
    double before = text_tower_caption(text, 1, turn.features, 1, NULL, NULL).nll;
    assert_int_equal(text_tower_forward(text, 0, 3, turn.tokens + 3 * golden.T, NULL), 0);
    assert_true(text_tower_caption(text, 1, turn.features, 1, NULL, NULL).nll == before);
    assert_true(text_tower_caption(text, 0, turn.features, 1, NULL, NULL).nll != before);
    text_tower_free(&text);
    close_model(&golden, &model, &outcome);
}

// A microbatch below the tower's size, as the last one of an evaluation.
static void test_short_microbatch(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 6);
    struct turn turn = turn_of(&model, &outcome, 0);
    size_t bytes = (size_t)(2 * golden.E) * sizeof(float);
    float *image = xmalloc(bytes), *text = xmalloc(bytes);
    run_step(&model, &outcome);
    image_tower_forward(model.image_tower, 0, 2, turn.pixels, NULL, image);
    assert_int_equal(text_tower_forward(model.text_tower, 0, 2, turn.tokens, text), 0);
    assert_memory_equal(image, outcome.image, bytes);
    assert_memory_equal(text, outcome.text, bytes);
    free(image);
    free(text);
    close_model(&golden, &model, &outcome);
}

static float *gradient_of(const struct params *params) {
    size_t bytes = (size_t)params->elements * sizeof(float);
    return memcpy(xmalloc(bytes), params->gradient, bytes);
}

// With filler rows, as for a backend that keeps graphs, a step is the same.
static void check_fillers(const char *name, int batch, int sets) {
    struct golden golden;
    struct model model;
    struct outcome plain, filled;
    golden_open(&golden, name);
    model_open(&model, &golden, "reference", DT_REAL, batch, sets);
    outcome_init(&plain, &model);
    outcome_init(&filled, &model);
    run_step(&model, &plain);
    float *gradient = gradient_of(model.text);
    text_tower_free(&model.text_tower);
    model.ops->queued = true;
    model.text_tower = text_tower_new(&golden.config, model.text, (struct tower_plan){batch, sets, true, false});
    run_step(&model, &filled);
    assert_near("embedding", filled.text, plain.text, golden.G * golden.E, 1e-6);
    assert_near("logits", filled.logits, plain.logits, golden.G * (golden.T - 1) * golden.V, 1e-6);
    assert_near("d_features", (float *)filled.d_features, (float *)plain.d_features, golden.G * golden.N * golden.D,
                1e-5);
    assert_near("gradients", model.text->gradient, gradient, model.text->elements, 1e-5);
    assert_near_number("caption loss", filled.caption_loss, plain.caption_loss, 1e-6);
    free(gradient);
    outcome_release(&plain);
    close_model(&golden, &model, &filled);
}

static void test_fillers(void **state) {
    (void)state;
    check_fillers("narrow_vision", 6, 1);
    check_fillers("narrow_vision", 3, 2);
    check_fillers("open_clip_legacy", 3, 1);
}

// Pixels that were uploaded ahead count for the pass that gets them, and for no other.
static void test_pixels_ahead(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 3);
    struct turn turn[2] = {turn_of(&model, &outcome, 0), turn_of(&model, &outcome, 1)};
    size_t bytes = (size_t)(3 * golden.E) * sizeof(float);
    float *found = xmalloc(bytes);
    for (int m = 0; m < 2; m++) forward_image(&model, &turn[m]);
    model.ops->queued = true;
    struct image_tower *image = image_tower_new(&golden.config, model.image, (struct tower_plan){3, 1, true, false});
    for (int fetched = 0; fetched < 2; fetched++)
        for (int m = 0; m < 2; m++) {
            image_tower_begin(image, 0, 3, turn[0].pixels, false, true);
            image_tower_fetch(image, 3, turn[fetched].pixels);
            image_tower_results(image, 0, NULL, found);
            assert_memory_equal(found, turn[0].image, bytes);
            image_tower_forward(image, 0, 3, turn[m].pixels, NULL, found);
            assert_memory_equal(found, turn[m].image, bytes);
        }
    image_tower_free(&image);
    free(found);
    close_model(&golden, &model, &outcome);
}

static bool all_zero(const struct params *params, const char *name) {
    const struct param *param = params_find(params, name);
    for (int64_t i = 0; i < shape_count(param->shape); i++)
        if (params->gradient[param->offset + i] != 0) return false;
    return true;
}

// λ_con = 0 sends no ∂embedding, λ_cap = 0 no ∂features and no captions.
static void test_losses_left_out(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 6);
    run_step(&model, &outcome);
    struct turn turn = turn_of(&model, &outcome, 0);
    params_zero_gradient(model.image);
    params_zero_gradient(model.text);
    forward_image(&model, &turn);
    forward_text(&model, &turn);
    image_tower_backward(model.image_tower, 0, NULL, NULL);
    text_tower_backward(model.text_tower, 0, NULL);
    assert_true(all_zero(model.image, "visual.conv1.weight") && all_zero(model.text, "text.token_embedding.weight"));
    image_tower_backward(model.image_tower, 0, turn.d_features, NULL);
    assert_true(all_zero(model.image, "visual.proj") && !all_zero(model.image, "visual.conv1.weight"));
    text_tower_backward(model.text_tower, 0, turn.d_text);
    assert_true(all_zero(model.text, "text_decoder.text_projection") && !all_zero(model.text, "text.cls_emb"));
    close_model(&golden, &model, &outcome);
}

static int64_t allocated;
static void (*allocate)(struct ops *ops, void **memory, size_t bytes);

static void counting_allocate(struct ops *ops, void **memory, size_t bytes) {
    allocated += (int64_t)bytes;
    allocate(ops, memory, bytes);
}

static int64_t taken(int64_t *before) {
    int64_t bytes = allocated - *before;
    *before = allocated;
    return bytes;
}

static void test_what_is_announced_is_allocated(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    struct tower_plan plan = {3, 2, true, false};
    int64_t before = allocated;
    open_model(&golden, &model, &outcome, 6);
    allocate = model.ops->allocate;
    model.ops->allocate = counting_allocate;
    struct image_tower *image = image_tower_new(&golden.config, model.image, plan);
    assert_int_equal(taken(&before), image_tower_bytes(&golden.config, model.ops, plan));
    struct text_tower *text = text_tower_new(&golden.config, model.text, plan);
    assert_int_equal(taken(&before), text_tower_bytes(&golden.config, model.ops, plan));
    struct generate_options beams = {.num_beams = 4, .num_beam_groups = 2, .diversity_penalty = 1, .max_length = 5};
    struct generator *generator = generator_new(&golden.config, model.text, 3, &beams);
    assert_int_equal(taken(&before), generator_bytes(&golden.config, DT_REAL, 3, &beams));
    for (int kind = 0; kind <= CONTRASTIVE_SIGMOID; kind++) {
        struct contrastive *contrastive = contrastive_new(model.ops, (enum contrastive_kind)kind, 6, golden.E);
        assert_int_equal(taken(&before), contrastive_bytes((enum contrastive_kind)kind, 6, golden.E));
        contrastive_free(&contrastive);
    }
    generator_free(&generator);
    image_tower_free(&image);
    text_tower_free(&text);
    close_model(&golden, &model, &outcome);
}

static void test_a_step_allocates_nothing(void **state) {
    (void)state;
    struct golden golden;
    struct model model;
    struct outcome outcome;
    open_model(&golden, &model, &outcome, 3);
    struct turn turn = turn_of(&model, &outcome, 0);
    allocate = model.ops->allocate;
    model.ops->allocate = counting_allocate;
    int64_t before = allocated;
    forward_text(&model, &turn);
    forward_image(&model, &turn);
    caption(&model, &turn, 1);
    backward(&model, &turn);
    assert_int_equal(taken(&before), 0);
    close_model(&golden, &model, &outcome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_captions),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_towers_without_training),
        cmocka_unit_test(test_an_embedding_without_features),
        cmocka_unit_test(test_sets_are_apart),
        cmocka_unit_test(test_short_microbatch),
        cmocka_unit_test(test_losses_left_out),
        cmocka_unit_test(test_what_is_announced_is_allocated),
        cmocka_unit_test(test_a_step_allocates_nothing),
        cmocka_unit_test(test_fillers),
        cmocka_unit_test(test_pixels_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
