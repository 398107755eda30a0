// The same memory for the reference and for the backend under test, and their agreement (design section 8).
#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "ops/ops.h"

enum side { REFERENCE, TESTED, SIDES };

struct trial {
    struct ops *ops[SIDES];
    double tolerance;
    const char *name; // of the backend
    struct random_key key;
    uint64_t drawn;
    struct both *made[64]; // freed by trial_clear
    int made_count;
};

// n numbers; where the backend computes in bf16, `at[TESTED]` of compute-type memory is bf16, and the reference starts
// from the same numbers in f32.
struct both {
    void *at[SIDES];
    int64_t n;
    enum dtype type[SIDES];
};

static inline void trial_open(struct trial *trial, const char *name, const char *device, enum dtype dtype, int threads,
                              double tolerance) {
    *trial = (struct trial){.name = name, .tolerance = tolerance, .key = random_key(7, name)};
    assert_int_equal(ops_open(&trial->ops[REFERENCE], "reference", DT_F32, 1), 0);
    assert_int_equal(ops_open(&trial->ops[TESTED], device, dtype, threads), 0);
}

// Releases what was made since the last call.
static inline void trial_clear(struct trial *trial) {
    for (int i = 0; i < trial->made_count; i++) {
        for (int s = 0; s < SIDES; s++) ops_release(trial->ops[s], trial->made[i]->at[s]);
        free(trial->made[i]);
    }
    trial->made_count = 0;
}

static inline void trial_close(struct trial *trial) {
    trial_clear(trial);
    for (int s = 0; s < SIDES; s++) ops_close(&trial->ops[s]);
}

// Uniform in low … high.
static inline int64_t draw(struct trial *trial, int64_t low, int64_t high) {
    return low + (int64_t)random_below(trial->key, trial->drawn++, (uint64_t)(high - low + 1));
}

static inline struct both *make(struct trial *trial, enum dtype reference, enum dtype tested, int64_t n) {
    struct both *x = xcalloc(1, sizeof *x);
    *x = (struct both){.n = n, .type = {reference, tested}};
    for (int s = 0; s < SIDES; s++) x->at[s] = ops_allocate(trial->ops[s], (size_t)n * dtype_size(x->type[s]));
    assert_true(trial->made_count < (int)(sizeof trial->made / sizeof *trial->made));
    trial->made[trial->made_count++] = x;
    return x;
}

// The content of one side in f64 on the host; the caller frees.
static inline double *read_side(const struct trial *trial, const struct both *x, enum side side) {
    double *values = xmalloc((size_t)(x->n + 1) * sizeof *values);
    void *raw = xmalloc((size_t)(x->n + 1) * dtype_size(x->type[side]));
    trial->ops[side]->finish(trial->ops[side]);
    trial->ops[side]->download(trial->ops[side], raw, x->at[side], (size_t)x->n * dtype_size(x->type[side]));
    dtype_convert(values, DT_F64, raw, x->type[side], (size_t)x->n);
    free(raw);
    return values;
}

static inline void write_side(struct trial *trial, struct both *x, enum side side, const double *values) {
    void *raw = xmalloc((size_t)(x->n + 1) * dtype_size(x->type[side]));
    dtype_convert(raw, x->type[side], values, DT_F64, (size_t)x->n);
    trial->ops[side]->upload(trial->ops[side], x->at[side], raw, (size_t)x->n * dtype_size(x->type[side]));
    free(raw);
}

// Both sides hold what the narrower one can hold.
static inline void write_both(struct trial *trial, struct both *x, const double *values) {
    write_side(trial, x, TESTED, values);
    double *rounded = read_side(trial, x, TESTED);
    write_side(trial, x, REFERENCE, rounded);
    free(rounded);
}

static inline struct both *random_numbers(struct trial *trial, enum dtype reference, enum dtype tested, int64_t n) {
    struct both *x = make(trial, reference, tested, n);
    double *values = xmalloc((size_t)(n + 1) * sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = random_normal(trial->key, trial->drawn++);
    write_both(trial, x, values);
    free(values);
    return x;
}

// Normal random numbers: of the compute type, of f32, of any type.
static inline struct both *elements(struct trial *trial, int64_t n) {
    return random_numbers(trial, trial->ops[REFERENCE]->dtype, trial->ops[TESTED]->dtype, n);
}

static inline struct both *reals(struct trial *trial, int64_t n) {
    return random_numbers(trial, DT_F32, DT_F32, n);
}

static inline struct both *of_type(struct trial *trial, enum dtype type, int64_t n) {
    return random_numbers(trial, type, type, n);
}

// Zeros.
static inline struct both *doubles(struct trial *trial, int64_t n) {
    return make(trial, DT_F64, DT_F64, n);
}

static inline struct both *given(struct trial *trial, enum dtype type, const void *values, int64_t n) {
    struct both *x = make(trial, type, type, n);
    for (int s = 0; s < SIDES; s++)
        trial->ops[s]->upload(trial->ops[s], x->at[s], values, (size_t)n * dtype_size(type));
    return x;
}

// Given values.
static inline struct both *integers(struct trial *trial, const int32_t *values, int64_t n) {
    return given(trial, DT_I32, values, n);
}

static inline struct both *bytes(struct trial *trial, const uint8_t *values, int64_t n) {
    return given(trial, DT_U8, values, n);
}

// Gives the tested side the reference's content, and both what the narrower of them can hold.
static inline void share(struct trial *trial, struct both *x) {
    double *values = read_side(trial, x, REFERENCE);
    write_both(trial, x, values);
    free(values);
}

static inline void scale(struct trial *trial, struct both *x, double factor) {
    double *values = read_side(trial, x, REFERENCE);
    for (int64_t i = 0; i < x->n; i++) values[i] *= factor;
    write_both(trial, x, values);
    free(values);
}

// ‖a − b‖ <= tolerance·‖b‖ and max|a − b| <= 10·tolerance·max|b|.
static inline void agree(struct trial *trial, const struct both *x, const char *what) {
    double *expected = read_side(trial, x, REFERENCE), *found = read_side(trial, x, TESTED);
    double difference = 0, norm = 0, worst = 0, largest = 0;
    for (int64_t i = 0; i < x->n; i++) {
        double off = fabs(found[i] - expected[i]);
        if (isnan(off))
            fail_msg("%s: %s: element %lld is %g, not %g", trial->name, what, (long long)i, found[i], expected[i]);
        difference += off * off;
        norm += expected[i] * expected[i];
        worst = fmax(worst, off);
        largest = fmax(largest, fabs(expected[i]));
    }
    if (!(sqrt(difference) <= trial->tolerance * sqrt(norm)) || !(worst <= 10 * trial->tolerance * largest))
        fail_msg("%s: %s: off by %g of %g, at most by %g of %g", trial->name, what, sqrt(difference), sqrt(norm), worst,
                 largest);
    free(expected);
    free(found);
}
