// Position embeddings of another size, against those that open_clip makes (tests/parity/make_open_clip.py), PyTorch and
// scipy (make_resample.py).
#include "fixture.h"

#include "model/params/positions.h"

static struct param param_of(enum positions positions, int64_t rows, int64_t D) {
    return (struct param){.positions = positions, .shape = SHAPE(rows, D)};
}

static void compare(const struct safetensors *file, enum positions positions, int64_t rows) {
    const char *name = positions == POSITIONS_GRID ? "visual" : "text";
    char *key = xformat("%s.%lld.from", name, (long long)rows);
    const struct tensor *from = safetensors_find(file, key);
    assert_non_null(from);
    strcpy(key + strlen(key) - 4, "to");
    const struct tensor *wanted = safetensors_find(file, key);
    assert_non_null(wanted);
    struct param param = param_of(positions, rows, from->shape.dim[1]);
    assert_true(shape_equal(param.shape, wanted->shape));
    assert_true(positions_fit(&param, from->shape));
    real *found = xcalloc((size_t)shape_count(param.shape), sizeof *found);
    positions_resample(found, &param, RESAMPLE_BICUBIC, from->data, from->shape);
    assert_near(key, found, wanted->data, shape_count(param.shape), 1e-6);
    free(found);
    free(key);
}

static void test_as_open_clip(void **state) {
    (void)state;
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, "parity/positions.safetensors"), 0);
    static const int64_t grids[] = {50, 10, 26, 5};
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) compare(&file, POSITIONS_GRID, grids[i]);
    compare(&file, POSITIONS_CAPTION, 12);
    compare(&file, POSITIONS_CAPTION, 5);
    safetensors_close(&file);
}

static const real *values_of(const struct safetensors *file, int in, int out, const char *what) {
    char *key = xformat("%d.%d.%s", in, out, what);
    const struct tensor *tensor = safetensors_find(file, key);
    free(key);
    return tensor ? tensor->data : NULL;
}

static void test_grids_by_both_rules(void **state) {
    (void)state;
    enum { D = 2, MOST = 32 * 32 * D };
    static const int sizes[][2] = {{16, 32}, {32, 16}, {7, 12}, {12, 7}, {2, 3},
                                   {3, 2},   {4, 11},  {11, 4}, {1, 4},  {4, 1}};
    static const char *const rules[] = {[RESAMPLE_BICUBIC] = "bicubic", [RESAMPLE_LINEAR] = "linear"};
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, "parity/resample.safetensors"), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int in = sizes[i][0], out = sizes[i][1];
        struct param param = param_of(POSITIONS_GRID, out * out, D);
        for (int rule = 0; rule < RESAMPLES; rule++) {
            real found[MOST];
            positions_resample(found, &param, (enum resample)rule, values_of(&file, in, out, "from"),
                               SHAPE(in * in, D));
            assert_near(rules[rule], found, values_of(&file, in, out, rules[rule]), out * out * D, 1e-6);
        }
    }
    safetensors_close(&file);
}

// What programs of the field do else is not within rounding of it, also where a grid grows by a whole factor.
static void test_rules_differ(void **state) {
    (void)state;
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, "parity/resample.safetensors"), 0);
    const real *ours = values_of(&file, 16, 32, "bicubic"), *albef = values_of(&file, 16, 32, "other");
    const real *linear = values_of(&file, 16, 32, "linear");
    double from_albef = 0, from_linear = 0;
    for (int i = 0; i < 32 * 32 * 2; i++) {
        from_albef = fmax(from_albef, fabs((double)ours[i] - albef[i]));
        from_linear = fmax(from_linear, fabs((double)ours[i] - linear[i]));
    }
    assert_true(from_albef > 0.1 && from_linear > 0.1);
    safetensors_close(&file);
}

static void test_what_fits(void **state) {
    (void)state;
    struct param with_class = param_of(POSITIONS_GRID, 17, 3), without = param_of(POSITIONS_GRID, 16, 3);
    struct param caption = param_of(POSITIONS_CAPTION, 9, 3), other = param_of(POSITIONS_NONE, 9, 3);
    assert_true(positions_fit(&with_class, SHAPE(10, 3)));
    assert_true(positions_fit(&without, SHAPE(9, 3)));
    assert_true(positions_fit(&caption, SHAPE(2, 3)));
    assert_false(positions_fit(&with_class, SHAPE(9, 3))); // a grid without class token
    assert_false(positions_fit(&with_class, SHAPE(1, 3)));
    assert_false(positions_fit(&without, SHAPE(10, 3)));
    assert_false(positions_fit(&without, SHAPE(9, 4)));
    assert_false(positions_fit(&without, SHAPE(27)));
    assert_false(positions_fit(&caption, SHAPE(0, 3)));
    assert_false(positions_fit(&other, SHAPE(4, 3)));
}

// The paper's family has no class token, and loads by the rule that the parameters say.
static void test_loading_by_a_rule(void **state) {
    (void)state;
    struct golden golden;
    struct ops *ops;
    golden_open(&golden, "equal_widths");
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    struct params *by[RESAMPLES];
    const int patch = golden.config.vision.patch_size;
    assert_int_equal(model_config_use_image_size(&golden.config, golden.config.vision.image_size + patch), 0);
    const struct tensor *from = safetensors_find(&golden.weights, "visual.positional_embedding");
    const real *found[RESAMPLES];
    for (int rule = 0; rule < RESAMPLES; rule++) {
        by[rule] = params_new(ops, &golden.config, &image_part, false);
        by[rule]->resample = (enum resample)rule;
        assert_int_equal(params_load(by[rule], &golden.weights, "weights", model_parts, MODEL_PARTS), 0);
        found[rule] = params_weight(by[rule], "visual.positional_embedding").master;
    }
    size_t row = (size_t)golden.config.vision.width * sizeof(real);
    assert_memory_equal(found[RESAMPLE_LINEAR], from->data, row); // a corner
    assert_true(memcmp(found[RESAMPLE_BICUBIC], from->data, row) != 0);
    for (int rule = 0; rule < RESAMPLES; rule++) params_free(&by[rule]);
    ops_close(&ops);
    golden_close(&golden);
}

// A model for larger pictures and longer captions takes the weights of the smaller.
static void test_loading_into_another_size(void **state) {
    (void)state;
    struct golden golden;
    struct ops *ops;
    golden_open(&golden, "open_clip_legacy");
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    golden.config.vision.image_size += 2 * golden.config.vision.patch_size;
    golden.config.text.context_length += 3;
    struct params *image = params_new(ops, &golden.config, &image_part, false);
    struct params *text = params_new(ops, &golden.config, &text_part, false);
    assert_int_equal(params_load(image, &golden.weights, "weights", model_parts, MODEL_PARTS), 0);
    assert_int_equal(params_load(text, &golden.weights, "weights", model_parts, MODEL_PARTS), 0);
    const struct tensor *from = safetensors_find(&golden.weights, "visual.positional_embedding");
    const real *found = params_weight(image, "visual.positional_embedding").master;
    assert_memory_equal(found, from->data, (size_t)golden.config.vision.width * sizeof *found); // the class token's
    assert_true(fabs(found[golden.config.vision.width]) > 0);
    golden.config.vision.width = 16; // and of another width it is refused
    struct params *narrow = params_new(ops, &golden.config, &image_part, false);
    assert_int_equal(params_load(narrow, &golden.weights, "weights", model_parts, MODEL_PARTS), -EXIT_USAGE);
    params_free(&narrow);
    params_free(&image);
    params_free(&text);
    ops_close(&ops);
    golden_close(&golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_open_clip),      cmocka_unit_test(test_grids_by_both_rules),
        cmocka_unit_test(test_rules_differ),      cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_loading_by_a_rule), cmocka_unit_test(test_loading_into_another_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
