// The model against PyTorch (tests/parity/make_golden.py) and open_clip (make_open_clip.py), and against itself:
// microbatches, recomputation, bf16.
#include "fixture.h"

static const struct {
    const char *device;
    enum dtype dtype;
} exact_backend[] = {
    {"reference", DT_REAL},
    {"cpu", DT_REAL},
};
#define EXACT_BACKENDS (sizeof exact_backend / sizeof *exact_backend)

static void compare(const struct golden *golden, const char *name, const float *found, double tolerance) {
    float *wanted = golden_copy(&golden->values, name);
    assert_near(name, found, wanted, shape_count(safetensors_find(&golden->values, name)->shape), tolerance);
    free(wanted);
}

static void compare_outputs(const struct model *model, const struct outcome *outcome, double tolerance) {
    const struct golden *golden = model->golden;
    size_t n = (size_t)(golden->G * golden->N * golden->D);
    float *features = xcalloc(n, sizeof *features);
    dtype_convert(features, DT_F32, outcome->features, model->ops->dtype, n);
    compare(golden, "image_embedding", outcome->image, tolerance);
    compare(golden, "text_embedding", outcome->text, tolerance);
    compare(golden, "features", features, tolerance);
    compare(golden, "logits", outcome->logits, tolerance);
    free(features);
}

static const json_t *golden_step(const struct golden *golden, size_t step) {
    return json_array_get(json_object_get(golden->steps, "steps"), step);
}

static double number_of(const json_t *object, const char *key) {
    const json_t *number = json_object_get(object, key);
    if (!json_is_number(number)) fail_msg("no number %s", key);
    return json_number_value(number);
}

static void compare_losses(const struct model *model, const struct outcome *outcome, size_t step, double tolerance) {
    const json_t *wanted = golden_step(model->golden, step);
    assert_near_number("contrastive_loss", outcome->contrastive_loss, number_of(wanted, "contrastive_loss"), tolerance);
    assert_near_number("caption_loss", outcome->caption_loss, number_of(wanted, "caption_loss"), tolerance);
    assert_near_number("loss", outcome->loss, number_of(wanted, "loss"), tolerance);
}

static void compare_gradients(const struct golden *golden, const struct params *params, double tolerance) {
    real *gradient = xcalloc((size_t)params->elements, sizeof *gradient);
    params->ops->download(params->ops, gradient, params->gradient, (size_t)params->elements * sizeof *gradient);
    for (int i = 0; i < params->count; i++) {
        char *name = xformat("grad.%s", params->item[i].name);
        compare(golden, name, gradient + params->item[i].offset, tolerance);
        free(name);
    }
    free(gradient);
}

static void compare_all_gradients(const struct model *model, double tolerance) {
    compare_gradients(model->golden, model->image, tolerance);
    compare_gradients(model->golden, model->text, tolerance);
    compare_gradients(model->golden, model->loss, tolerance);
}

// Runs `check` on every golden model with every backend that computes in f32.
typedef void golden_check(const struct golden *golden, const char *device, enum dtype dtype);

static void on_exact_backends(golden_check *check) {
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden golden;
        golden_open(&golden, golden_names[i]);
        for (size_t k = 0; k < EXACT_BACKENDS; k++) check(&golden, exact_backend[k].device, exact_backend[k].dtype);
        golden_close(&golden);
    }
}

static void check_outputs_and_gradients(const struct golden *golden, const char *device, enum dtype dtype) {
    struct model model;
    struct outcome outcome;
    model_open(&model, golden, device, dtype, golden->G, 1);
    outcome_init(&outcome, &model);
    run_step(&model, &outcome);
    compare_outputs(&model, &outcome, 1e-5);
    compare_losses(&model, &outcome, 0, 1e-5);
    compare_all_gradients(&model, 1e-4);
    outcome_release(&outcome);
    model_close(&model);
}

static void test_outputs_and_gradients(void **state) {
    (void)state;
    on_exact_backends(check_outputs_and_gradients);
}

static struct adamw_step adamw_step_of(const struct golden *golden, int update, double grad_norm) {
    const json_t *training = json_object_get(golden->steps, "training");
    double beta1 = number_of(training, "beta1"), beta2 = number_of(training, "beta2");
    return (struct adamw_step){.lr = number_of(training, "lr"),
                               .beta1 = beta1,
                               .beta2 = beta2,
                               .eps = number_of(training, "eps"),
                               .correction1 = 1 - pow(beta1, update),
                               .correction2 = 1 - pow(beta2, update),
                               .gradient_scale = fmin(1, number_of(training, "grad_clip_norm") / (grad_norm + 1e-6))};
}

// One AdamW update of a part; m and v are blocks of its size.
static void update_part(const struct golden *golden, struct params *params, real *m, real *v, struct adamw_step step) {
    double weight_decay = number_of(json_object_get(golden->steps, "training"), "wd");
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        int64_t at = param->offset;
        step.weight_decay = param->decay ? weight_decay : 0;
        params->ops->adamw(params->ops, params->master + at, m + at, v + at, params->gradient + at,
                           shape_count(param->shape), &step);
    }
    params_refresh(params);
}

static void check_four_steps(const struct golden *golden, const char *device, enum dtype dtype) {
    struct model model;
    struct outcome outcome;
    model_open(&model, golden, device, dtype, golden->G / 2, 2);
    outcome_init(&outcome, &model);
    struct params *part[] = {model.image, model.text, model.loss};
    real *moments[3];
    for (int i = 0; i < 3; i++) moments[i] = ops_allocate(part[i]->ops, 2 * (size_t)part[i]->elements * sizeof(real));
    for (int s = 0; s < 4; s++) {
        const json_t *wanted = golden_step(golden, (size_t)s);
        run_step(&model, &outcome);
        compare_losses(&model, &outcome, (size_t)s, 1e-4);
        assert_near_number("grad_norm", outcome.grad_norm, number_of(wanted, "grad_norm"), 1e-4);
        assert_near_number("logit_scale", exp(scalar_of(model.loss, "logit_scale")), number_of(wanted, "logit_scale"),
                           1e-5);
        if (golden->config.logit_bias)
            assert_near_number("logit_bias", scalar_of(model.loss, "logit_bias"), number_of(wanted, "logit_bias"),
                               1e-5);
        struct adamw_step step = adamw_step_of(golden, s + 1, outcome.grad_norm);
        for (int i = 0; i < 3; i++) update_part(golden, part[i], moments[i], moments[i] + part[i]->elements, step);
    }
    for (int i = 0; i < 3; i++) ops_release(part[i]->ops, moments[i]);
    outcome_release(&outcome);
    model_close(&model);
}

static void test_four_steps(void **state) {
    (void)state;
    on_exact_backends(check_four_steps);
}

static void check_greedy(const struct golden *golden, const char *device, enum dtype dtype) {
    struct ops *ops;
    assert_int_equal(ops_open(&ops, device, dtype, 2), 0);
    struct params *text = load_part(ops, golden, &text_part);
    struct generate_options options = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    struct generator *generator = generator_new(&golden->config, text, golden->G, &options);
    float *features = golden_copy(&golden->values, "features");
    int64_t *ids = golden_copy(&golden->batch, "ids");
    int32_t *wanted = golden_copy(&golden->values, "greedy");
    int32_t *tokens = xcalloc((size_t)(golden->G * golden->T), sizeof *tokens);
    generator_run(generator, golden->G, features, ids, tokens);
    assert_memory_equal(tokens, wanted, (size_t)(golden->G * golden->T) * sizeof *tokens);
    void *pieces[] = {features, ids, wanted, tokens};
    for (int i = 0; i < 4; i++) free(pieces[i]);
    generator_free(&generator);
    params_free(&text);
    ops_close(&ops);
}

static void test_greedy(void **state) {
    (void)state;
    on_exact_backends(check_greedy);
}

// ---- captions by open_clip's generate: captions.json of make_beams.py

static double case_number(const json_t *golden, const char *key) {
    return json_number_value(json_object_get(golden, key));
}

static void compare_captions(const struct golden *golden, const json_t *rows, const int32_t *tokens, size_t index) {
    for (int i = 0; i < golden->G * golden->T; i++) {
        const json_t *row = json_array_get(rows, (size_t)(i / golden->T));
        int wanted = (int)json_integer_value(json_array_get(row, (size_t)(i % golden->T)));
        if (tokens[i] != wanted)
            fail_msg("case %zu, picture %d, token %d: %d instead of %d", index, i / golden->T, i % golden->T, tokens[i],
                     wanted);
    }
}

static void check_case(const struct golden *golden, struct params *text, const json_t *wanted, size_t index) {
    struct generate_options options = {.temperature = 1,
                                       .top_p = 1,
                                       .max_length = (int)case_number(wanted, "max"),
                                       .min_length = (int)case_number(wanted, "min"),
                                       .repetition_penalty = case_number(wanted, "penalty"),
                                       .num_beams = (int)case_number(wanted, "beams"),
                                       .num_beam_groups = (int)case_number(wanted, "groups")};
    struct generator *generator = generator_new(&golden->config, text, golden->G, &options);
    float *features = golden_copy(&golden->values, "features");
    int64_t *ids = golden_copy(&golden->batch, "ids");
    int32_t *tokens = xcalloc((size_t)(golden->G * golden->T), sizeof *tokens);
    generator_run(generator, golden->G, features, ids, tokens);
    compare_captions(golden, json_object_get(wanted, "tokens"), tokens, index);
    free(features);
    free(ids);
    free(tokens);
    generator_free(&generator);
}

static void check_generate(const struct golden *golden, const char *device, enum dtype dtype) {
    if (golden->config.family != FAMILY_OPEN_CLIP) return;
    char *path = xformat("parity/%s/captions.json", golden->name);
    json_t *file = json_read(path, 1 << 20), *cases = json_object_get(file, "captions");
    struct ops *ops;
    assert_true(json_array_size(cases) > 5);
    assert_int_equal(ops_open(&ops, device, dtype, 2), 0);
    struct params *text = load_part(ops, golden, &text_part);
    for (size_t i = 0; i < json_array_size(cases); i++) check_case(golden, text, json_array_get(cases, i), i);
    params_free(&text);
    ops_close(&ops);
    json_decref(file);
    free(path);
}

static void test_open_clips_captions(void **state) {
    (void)state;
    on_exact_backends(check_generate);
}

// A step with M sets, or with one set and a second forward pass.
static void run_variant(const struct golden *golden, const char *device, enum dtype dtype, int batch, int sets,
                        struct model *model, struct outcome *outcome) {
    model_open(model, golden, device, dtype, batch, sets);
    outcome_init(outcome, model);
    run_step(model, outcome);
}

static void assert_same_gradients(const struct params *a, const struct params *b, double tolerance) {
    size_t bytes = (size_t)a->elements * sizeof(real);
    real *left = xmalloc(bytes), *right = xmalloc(bytes);
    a->ops->download(a->ops, left, a->gradient, bytes);
    b->ops->download(b->ops, right, b->gradient, bytes);
    if (tolerance == 0)
        assert_memory_equal(left, right, bytes);
    else
        assert_near("gradients", left, right, a->elements, tolerance);
    free(left);
    free(right);
}

static void compare_variants(const struct golden *golden, const char *device, enum dtype dtype, const int batch[2],
                             const int sets[2], double tolerance) {
    struct model model[2];
    struct outcome outcome[2];
    for (int i = 0; i < 2; i++) run_variant(golden, device, dtype, batch[i], sets[i], &model[i], &outcome[i]);
    assert_same_gradients(model[0].image, model[1].image, tolerance);
    assert_same_gradients(model[0].text, model[1].text, tolerance);
    assert_same_gradients(model[0].loss, model[1].loss, tolerance);
    for (int i = 0; i < 2; i++) {
        outcome_release(&outcome[i]);
        model_close(&model[i]);
    }
}

static void check_recomputation(const struct golden *golden, const char *device, enum dtype dtype) {
    int half = golden->G / 2;
    compare_variants(golden, device, dtype, (int[]){half, half}, (int[]){2, 1}, 0);
}

static void test_recomputation_gives_the_same_bits(void **state) {
    (void)state;
    on_exact_backends(check_recomputation);
}

// Passes that are issued, recorded and replayed: without logits, which no graph brings.
static void check_replays(const struct golden *golden, const char *device, enum dtype dtype) {
    struct model model;
    struct outcome first, again;
    model_open(&model, golden, device, dtype, golden->G / 2, 2);
    outcome_init(&first, &model);
    outcome_init(&again, &model);
    free(first.logits);
    free(again.logits);
    first.logits = again.logits = NULL;
    run_step(&model, &first);
    size_t bytes = (size_t)model.text->elements * sizeof(real);
    real *gradient[2] = {xmalloc(bytes), xmalloc(bytes)};
    model.ops->download(model.ops, gradient[0], model.text->gradient, bytes);
    for (int i = 0; i < 3; i++) {
        run_step(&model, &again);
        model.ops->download(model.ops, gradient[1], model.text->gradient, bytes);
        assert_memory_equal(gradient[0], gradient[1], bytes);
        assert_true(again.loss == first.loss && again.grad_norm == first.grad_norm);
    }
    for (int i = 0; i < 2; i++) free(gradient[i]);
    outcome_release(&first);
    outcome_release(&again);
    model_close(&model);
}

static void check_microbatches(const struct golden *golden, const char *device, enum dtype dtype) {
    compare_variants(golden, device, dtype, (int[]){1, golden->G}, (int[]){golden->G, 1}, 1e-5);
}

static void test_microbatches_agree_within_rounding(void **state) {
    (void)state;
    on_exact_backends(check_microbatches);
}

static void check_bf16(const struct golden *golden, const char *device) {
    struct model model;
    struct outcome outcome;
    model_open(&model, golden, device, DT_BF16, golden->G / 2, 2);
    outcome_init(&outcome, &model);
    run_step(&model, &outcome);
    compare(golden, "image_embedding", outcome.image, 2e-2);
    compare(golden, "text_embedding", outcome.text, 2e-2);
    compare_losses(&model, &outcome, 0, 2e-2);
    assert_near_number("grad_norm", outcome.grad_norm, number_of(golden_step(golden, 0), "grad_norm"), 5e-2);
    outcome_release(&outcome);
    model_close(&model);
}

// Skips the test where the device lacks bf16, or there is no such device.
static void test_bf16_on(const char *device) {
    struct ops *ops;
    if (ops_open(&ops, device, DT_BF16, 2)) skip();
    ops_close(&ops);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden golden;
        golden_open(&golden, golden_names[i]);
        check_bf16(&golden, device);
        check_recomputation(&golden, device, DT_BF16);
        check_replays(&golden, device, DT_BF16);
        golden_close(&golden);
    }
}

static void test_bf16(void **state) {
    (void)state;
    test_bf16_on("cpu");
}

static void test_cuda_bf16(void **state) {
    (void)state;
    test_bf16_on("cuda:0");
}

// `state` is a golden_check, on the GPU in f32; skipped where there is none.
static void test_cuda(void **state) {
    golden_check *const *check = *state;
    struct ops *ops;
    if (ops_open(&ops, "cuda:0", DT_F32, 1)) skip();
    ops_close(&ops);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden golden;
        golden_open(&golden, golden_names[i]);
        (*check)(&golden, "cuda:0", DT_F32);
        golden_close(&golden);
    }
}

static golden_check *outputs_check = check_outputs_and_gradients, *steps_check = check_four_steps,
                    *greedy_check = check_greedy, *recomputation_check = check_recomputation,
                    *microbatches_check = check_microbatches;

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs_and_gradients),
        cmocka_unit_test(test_four_steps),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_open_clips_captions),
        cmocka_unit_test(test_recomputation_gives_the_same_bits),
        cmocka_unit_test(test_microbatches_agree_within_rounding),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_cuda_bf16),
        {"cuda outputs and gradients", test_cuda, NULL, NULL, &outputs_check},
        {"cuda four steps", test_cuda, NULL, NULL, &steps_check},
        {"cuda greedy captions", test_cuda, NULL, NULL, &greedy_check},
        {"cuda recomputation", test_cuda, NULL, NULL, &recomputation_check},
        {"cuda microbatches", test_cuda, NULL, NULL, &microbatches_check},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
