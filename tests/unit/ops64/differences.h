// Gradients held to central differences, in the double build of the reference operations.
//
// A test has a scalar loss of some inputs and says which gradient the operations claim for each input. Losses of
// tensors are Σ w·out with fixed random w, so that w is the gradient of the output.
#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "ops/ops.h"

#define DIFFERENCE 1e-5
#define AGREEMENT 1e-6
#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static uint64_t random_state = 1;

// Uniform in (−1, 1): xorshift64* (Vigna 2016).
static inline double random_value(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)(int64_t)(random_state * 2685821657736338717u) / 9223372036854775808.0;
}

static inline void fill(double *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = random_value();
}

static inline double *random_array(int64_t n) {
    double *x = xmalloc((size_t)(n + 1) * sizeof *x);
    fill(x, n);
    return x;
}

static inline double *zero_array(int64_t n) {
    return xcalloc((size_t)n + 1, sizeof(double));
}

static inline double *copy_array(const double *from, int64_t n) {
    double *x = xmalloc((size_t)(n + 1) * sizeof *x);
    memcpy(x, from, (size_t)n * sizeof *x);
    return x;
}

static inline double weighted_sum(const double *w, const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += w[i] * x[i];
    return sum;
}

static inline struct ops *open_ops(void) {
    struct ops *ops;
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 0), 0);
    return ops;
}

// ‖a − b‖ <= AGREEMENT·‖b‖, where both may be zero.
static inline void assert_agree(const double *a, const double *b, int64_t n, const char *what) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    if (!(sqrt(difference) <= AGREEMENT * sqrt(norm) + 1e-9 * AGREEMENT))
        fail_msg("%s: off by %g of %g", what, sqrt(difference), sqrt(norm));
}

// Holds the claimed gradient of loss(context) by x[n] to (loss(x + δ) − loss(x − δ)) / 2δ.
static inline void assert_gradient(double (*loss)(void *context), void *context, double *x, const double *claimed,
                                   int64_t n, const char *what) {
    double *measured = zero_array(n);
    for (int64_t i = 0; i < n; i++) {
        double before = x[i];
        x[i] = before + DIFFERENCE;
        double above = loss(context);
        x[i] = before - DIFFERENCE;
        double below = loss(context);
        x[i] = before;
        measured[i] = (above - below) / (2 * DIFFERENCE);
    }
    assert_agree(claimed, measured, n, what);
    free(measured);
}
