// The sigmoid loss against open_clip's SigLipLoss (tests/parity/make_siglip.py).
#include "fixture.h"

static const char *const cases[] = {"one", "two", "begun", "learned", "unbiased", "wide"};

// One of them; `what` is a tensor of it.
static void *copy_of(const struct safetensors *file, const char *name, const char *what) {
    char *key = xformat("%s.%s", name, what);
    void *copy = golden_copy(file, key);
    free(key);
    return copy;
}

static struct shape golden_shape(const struct safetensors *file, const char *name) {
    char *key = xformat("%s.image", name);
    struct shape shape = safetensors_find(file, key)->shape;
    free(key);
    return shape;
}

static void compare(struct ops *ops, const struct safetensors *file, const char *name) {
    static const char *const names[] = {"image", "text", "d_image", "d_text"};
    struct shape shape = golden_shape(file, name);
    int64_t G = shape.dim[0], E = shape.dim[1];
    float *golden[4], *scalars = copy_of(file, name, "scalars"), *found[2];
    double *loss = copy_of(file, name, "loss"), *d_scalars = copy_of(file, name, "d_scalars");
    for (int i = 0; i < 4; i++) golden[i] = copy_of(file, name, names[i]);
    for (int i = 0; i < 2; i++) found[i] = xcalloc((size_t)(G * E), sizeof *found[i]);
    struct contrastive *contrastive = contrastive_new(ops, CONTRASTIVE_SIGMOID, G, E);
    const struct contrastive_scalars at = {scalars[0], scalars[1]};
    struct contrastive_result result =
        contrastive_run(contrastive, golden[0], golden[1], at, 1, CONTRASTIVE_SUM, found[0], found[1]);
    assert_near_number("loss", result.loss, *loss, 1e-6);
    assert_near_number("d_logit_scale", result.d_logit_scale, d_scalars[0], 1e-5);
    assert_near_number("d_logit_bias", result.d_logit_bias, d_scalars[1], 1e-5);
    for (int i = 0; i < 2; i++) assert_near(names[2 + i], found[i], golden[2 + i], G * E, 1e-5);
    contrastive_free(&contrastive);
    for (int i = 0; i < 2; i++) free(found[i]);
    for (int i = 0; i < 4; i++) free(golden[i]);
    free(scalars);
    free(loss);
    free(d_scalars);
}

static void compare_all(const char *device) {
    struct safetensors file;
    struct ops *ops;
    assert_int_equal(safetensors_open(&file, "parity/siglip.safetensors"), 0);
    assert_int_equal(ops_open(&ops, device, DT_REAL, 2), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) compare(ops, &file, cases[i]);
    ops_close(&ops);
    safetensors_close(&file);
}

static void test_reference(void **state) {
    (void)state;
    compare_all("reference");
}

static void test_cpu(void **state) {
    (void)state;
    compare_all("cpu");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference), cmocka_unit_test(test_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
