// Both halves with weights of linear maps in int8: what they say is near to what f32 says, and the same on every
// backend.
#include "fixture.h"

#include "base/random.h"
#include "model/params/narrow.h"

struct halves {
    float *image, *text, *logits; // [G,E], [G,E], [G,T-1,V]
    double caption_loss;
};

static struct params *load(struct ops *ops, const struct golden *golden, const struct model_part *part, bool narrow) {
    struct params *params =
        narrow ? params_new_narrow(ops, &golden->config, part) : params_new(ops, &golden->config, part, false);
    assert_int_equal(params_load(params, &golden->weights, "weights", model_parts, MODEL_PARTS), 0);
    return params;
}

static void run_image(struct halves *halves, const struct golden *golden, struct params *params, void *features) {
    struct image_tower *tower =
        image_tower_new(&golden->config, params, (struct tower_plan){golden->G, 1, false, false});
    image_tower_forward(tower, 0, golden->G, safetensors_find(&golden->batch, "pixels")->data, features, halves->image);
    image_tower_free(&tower);
}

static void run_text(struct halves *halves, const struct golden *golden, struct params *params, const void *features) {
    int32_t *tokens = golden_copy(&golden->batch, "tokens");
    struct text_tower *tower = text_tower_new(&golden->config, params, (struct tower_plan){golden->G, 1, false, false});
    assert_int_equal(text_tower_forward(tower, 0, golden->G, tokens, halves->text), 0);
    struct caption_result result = text_tower_caption(tower, 0, features, 1, NULL, halves->logits);
    halves->caption_loss = result.nll / (double)result.targets;
    text_tower_free(&tower);
    free(tokens);
}

static struct halves run(const struct golden *golden, const char *device, enum dtype dtype, bool narrow) {
    struct ops *ops;
    assert_int_equal(ops_open(&ops, device, dtype, 2), 0);
    struct params *image = load(ops, golden, &image_part, narrow), *text = load(ops, golden, &text_part, narrow);
    size_t embeddings = (size_t)(golden->G * golden->E);
    struct halves halves = {xcalloc(embeddings, sizeof(float)), xcalloc(embeddings, sizeof(float)),
                            xcalloc((size_t)(golden->G * (golden->T - 1) * golden->V), sizeof(float)), 0};
    void *features = xcalloc((size_t)(golden->G * golden->N * golden->D), dtype_size(dtype));
    run_image(&halves, golden, image, features);
    run_text(&halves, golden, text, features);
    free(features);
    params_free(&image);
    params_free(&text);
    ops_close(&ops);
    return halves;
}

static void release(struct halves *halves) {
    free(halves->image);
    free(halves->text);
    free(halves->logits);
}

static void near(const char *what, const float *found, const float *expected, int64_t n, double tolerance) {
    double off = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        off += pow((double)found[i] - expected[i], 2);
        norm += pow(expected[i], 2);
    }
    if (!(sqrt(off) <= tolerance * sqrt(norm))) fail_msg("%s: off by %g of %g", what, sqrt(off), sqrt(norm));
}

static void compare_halves(const struct golden *golden, const struct halves *found, const struct halves *expected,
                           double tolerance) {
    near("image", found->image, expected->image, golden->G * golden->E, tolerance);
    near("text", found->text, expected->text, golden->G * golden->E, tolerance);
    near("logits", found->logits, expected->logits, (int64_t)golden->G * (golden->T - 1) * golden->V, tolerance);
    assert_true(fabs(found->caption_loss / expected->caption_loss - 1) <= tolerance);
}

// The caption loss within 1%, all else within what eight bits leave of such small weights.
static void check(const struct golden *golden, const char *device, enum dtype dtype, double tolerance) {
    struct halves truth = run(golden, "reference", DT_F32, false), narrow = run(golden, "reference", DT_F32, true),
                  found = run(golden, device, dtype, true);
    compare_halves(golden, &narrow, &truth, 5e-2);
    assert_true(fabs(narrow.caption_loss / truth.caption_loss - 1) <= 1e-2);
    compare_halves(golden, &found, &narrow, tolerance);
    release(&truth);
    release(&narrow);
    release(&found);
}

static void check_all(const char *device, enum dtype dtype, double tolerance) {
    struct ops *ops;
    if (ops_open(&ops, device, dtype, 2)) skip();
    ops_close(&ops);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden golden;
        golden_open(&golden, golden_names[i]);
        check(&golden, device, dtype, tolerance);
        golden_close(&golden);
    }
}

static void test_cpu(void **state) {
    (void)state;
    check_all("cpu", DT_F32, 1e-3);
    check_all("cpu", DT_BF16, 2e-2);
}

static void test_cuda(void **state) {
    (void)state;
    check_all("cuda:0", DT_F32, 1e-3);
    check_all("cuda:0", DT_BF16, 2e-2);
}

// Every weight of a linear map is near to its value, and all others are as they are: of a file, and of a seed.
static void check_values(const struct params *narrow, const struct params *whole) {
    for (int i = 0; i < whole->count; i++) {
        const struct param *param = &whole->item[i];
        struct weight found = params_weight(narrow, "%s", param->name);
        const real *expected = whole->master + param->offset;
        int64_t n = shape_count(param->shape), outputs = param->linear ? param_outputs(param) : 1, inputs = n / outputs;
        assert_int_equal(found.scale != NULL, param->linear);
        if (!param->linear) assert_memory_equal(found.value, expected, (size_t)n * sizeof(real));
        for (int64_t j = 0; param->linear && j < n; j++) {
            real scale = found.scale[param->layout == WEIGHT_OUT_IN ? j / inputs : j % outputs];
            assert_true(fabsf(((int8_t *)found.value)[j] * scale - expected[j]) <= 0.501F * scale);
        }
    }
}

static void test_values(void **state) {
    (void)state;
    struct golden golden;
    struct ops *ops;
    golden_open(&golden, "narrow_vision");
    assert_int_equal(ops_open(&ops, "cpu", DT_F32, 2), 0);
    for (int part = 0; part < 2; part++) {
        struct params *narrow = load(ops, &golden, model_parts[part], true),
                      *whole = load(ops, &golden, model_parts[part], false);
        check_values(narrow, whole);
        params_initialize(narrow, 5);
        params_initialize(whole, 5);
        check_values(narrow, whole);
        assert_int_equal(params_count(narrow), params_count(whole));
        assert_int_equal(narrow->bytes, params_linear_count(whole));
        assert_true(narrow_bytes(narrow) + 4 * narrow->elements < 4 * whole->elements);
        params_free(&narrow);
        params_free(&whole);
    }
    ops_close(&ops);
    golden_close(&golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_cuda),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
