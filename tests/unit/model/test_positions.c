// Position embeddings of another size, against those that open_clip makes (tests/parity/make_open_clip.py).
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
    positions_resample(found, &param, from->data, from->shape);
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
        cmocka_unit_test(test_as_open_clip),
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_loading_into_another_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
