// Adafactor against golden files made with timm's port of big_vision's (tests/parity/make_adafactor.py).
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "ops/ops.h"
#include "tensor/safetensors.h"

#define UPDATES 5

struct run {
    struct ops *ops;
    const struct safetensors *golden;
    const char *name, *momentum; // of the case, "f32" or "bf16"
    struct adafactor_step shape;
    float *p, *row, *column;
    void *kept;
};

static const struct tensor *golden(const struct run *run, const char *kind, const char *key) {
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "%s.%s%s%s", run->name, kind, *kind ? "." : "", key);
    return safetensors_find(run->golden, name);
}

static void *zeroed(int64_t n) {
    return xcalloc((size_t)n, sizeof(float));
}

static void run_begin(struct run *run) {
    const struct tensor *before = golden(run, "", "before"), *column = golden(run, run->momentum, "column");
    struct shape shape = before->shape;
    int64_t n = shape_count(shape), columns = shape.dim[shape.rank - 1],
            rows = shape.rank > 1 ? shape.dim[shape.rank - 2] : 1;
    run->shape = (struct adafactor_step){.lr = 0.01, .beta1 = 0.9, .clip_threshold = 1, .weight_decay = 0.05};
    run->shape.gradient_scale = 1;
    run->shape.batch = n / (rows * columns);
    run->shape.rows = rows;
    run->shape.columns = columns;
    run->shape.factored = column != NULL;
    run->shape.momentum_dtype = strcmp(run->momentum, "f32") ? DT_BF16 : DT_F32;
    run->p = xmalloc((size_t)n * sizeof(float));
    memcpy(run->p, before->data, (size_t)n * sizeof(float));
    run->row = zeroed(n);
    run->column = zeroed(n);
    run->kept = zeroed(n);
}

static void run_updates(struct run *run) {
    const float *gradients = golden(run, "", "gradients")->data;
    int64_t n = shape_count(golden(run, "", "before")->shape);
    for (int t = 1; t <= UPDATES; t++) {
        run->shape.beta2 = fmin(0.999, 1 - pow(t, -0.8));
        run->ops->adafactor(run->ops, run->p, run->kept, run->row, run->column, gradients + (t - 1) * n, &run->shape);
    }
}

static void assert_close(const struct run *run, const char *key, const float *found, double tolerance) {
    const struct tensor *tensor = golden(run, run->momentum, key);
    const float *expected = tensor->data;
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < shape_count(tensor->shape); i++) {
        difference += pow(found[i] - expected[i], 2);
        norm += pow(expected[i], 2);
    }
    if (!(sqrt(difference) <= tolerance * sqrt(norm)))
        fail_msg("%s: %s.%s.%s: off by %g of %g", run->ops->backend, run->name, run->momentum, key, sqrt(difference),
                 sqrt(norm));
}

static void run_check(struct run *run) {
    bool narrow = run->shape.momentum_dtype == DT_BF16;
    int64_t n = shape_count(golden(run, "", "before")->shape);
    float *kept = zeroed(n);
    dtype_convert(kept, DT_F32, run->kept, run->shape.momentum_dtype, (size_t)n);
    assert_close(run, "after", run->p, narrow ? 1e-3 : 1e-6);
    assert_close(run, "momentum", kept, narrow ? 1e-2 : 1e-5);
    assert_close(run, "row", run->row, 1e-5);
    if (run->shape.factored) assert_close(run, "column", run->column, 1e-5);
    void *arrays[] = {kept, run->p, run->row, run->column, run->kept};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

static void check_backend(const char *device) {
    static const char *const names[] = {"matrix", "narrow", "stack", "small", "vector"};
    static const char *const momenta[] = {"f32", "bf16"};
    struct safetensors file;
    struct ops *ops;
    assert_int_equal(safetensors_open(&file, "parity/adafactor.safetensors"), 0);
    assert_int_equal(ops_open(&ops, device, DT_F32, 2), 0);
    for (int i = 0; i < 10; i++) {
        struct run run = {.ops = ops, .golden = &file, .name = names[i / 2], .momentum = momenta[i % 2]};
        run_begin(&run);
        run_updates(&run);
        run_check(&run);
    }
    ops_close(&ops);
    safetensors_close(&file);
}

static void test_reference(void **state) {
    (void)state;
    check_backend("reference");
}

static void test_cpu(void **state) {
    (void)state;
    check_backend("cpu");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference), cmocka_unit_test(test_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
