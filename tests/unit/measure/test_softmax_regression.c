// Softmax regression against scikit-learn's optima (golden/make_softmax.py), finite differences and itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "measure/softmax_regression.h"

struct problem {
    int64_t N, E, K;
    double C, loss;
};
static const struct problem golden[] = {
#include "golden/softmax.h"
};
enum { GOLDEN = sizeof golden / sizeof *golden };

// As problem() in golden/make_softmax.py; the caller frees both.
static struct softmax_sample *make_problem(const struct problem *p, float **features) {
    struct softmax_sample *sample = xcalloc((size_t)p->N, sizeof *sample);
    *features = xcalloc((size_t)(p->N * p->E), sizeof **features);
    for (int64_t i = 0; i < p->N; i++) {
        float *row = *features + i * p->E;
        sample[i] = (struct softmax_sample){row, (i + i / 3) % p->K};
        for (int64_t e = 0; e < p->E; e++)
            row[e] = (float)((i * 7919 + e * 104729 + i * e * 31) % 1009) / 1009.f +
                     (sample[i].class == e % p->K ? 0.25f : 0);
    }
    return sample;
}

// Fits from zeros; the caller frees the parameters.
static double *fit(const struct problem *p, double *value) {
    const struct softmax_shape shape = softmax_shape(p->E, p->K);
    double *parameters = xcalloc((size_t)softmax_parameters(&shape), sizeof *parameters);
    float *features;
    struct softmax_sample *sample = make_problem(p, &features);
    const struct lbfgs_result result = softmax_fit(&shape, sample, p->N, p->C, 1e-9, 10000, parameters);
    assert_true(result.converged);
    *value = result.value;
    free(sample);
    free(features);
    return parameters;
}

static void test_optimum(void **state) {
    (void)state;
    for (int i = 0; i < GOLDEN; i++) {
        double value;
        free(fit(&golden[i], &value));
        assert_float_equal(value, golden[i].loss, 1e-9);
    }
}

// The bits do not depend on who computes them.
static void test_threads(void **state) {
    (void)state;
    const struct problem *p = &golden[2];
    const struct softmax_shape shape = softmax_shape(p->E, p->K);
    const int threads = omp_get_max_threads();
    double value[2], *parameters[2];
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(1 + 2 * i);
        parameters[i] = fit(p, &value[i]);
    }
    omp_set_num_threads(threads);
    assert_memory_equal(&value[0], &value[1], sizeof value[0]);
    assert_memory_equal(parameters[0], parameters[1], (size_t)softmax_parameters(&shape) * sizeof **parameters);
    free(parameters[0]);
    free(parameters[1]);
}

static double loss_at(const struct problem *p, const struct softmax_sample *sample, const double *parameters,
                      double *gradient) {
    const struct softmax_shape shape = softmax_shape(p->E, p->K);
    double loss = 0;
    memset(gradient, 0, (size_t)softmax_parameters(&shape) * sizeof *gradient);
    softmax_add(&shape, sample, p->N, NULL, parameters, &loss, gradient);
    return loss;
}

static void test_gradient(void **state) {
    (void)state;
    const struct problem p = {37, 5, 3, 0, 0};
    const struct softmax_shape shape = softmax_shape(p.E, p.K);
    double parameters[6 * 8] = {0}, gradient[6 * 8], other[6 * 8];
    float *features;
    struct softmax_sample *sample = make_problem(&p, &features);
    for (int64_t e = 0; e <= p.E; e++)
        for (int64_t k = 0; k < p.K; k++) parameters[e * shape.stride + k] = sin(e * 3. + k);
    loss_at(&p, sample, parameters, gradient);
    for (int64_t j = 0; j < softmax_parameters(&shape); j++) {
        const double h = 1e-6, before = parameters[j];
        if (j % shape.stride >= p.K) {
            assert_float_equal(gradient[j], 0, 0);
            continue;
        }
        parameters[j] = before + h;
        const double above = loss_at(&p, sample, parameters, other);
        parameters[j] = before - h;
        const double below = loss_at(&p, sample, parameters, other);
        parameters[j] = before;
        assert_float_equal(gradient[j], (above - below) / (2 * h), 1e-6);
    }
    free(sample);
    free(features);
}

// Equal logits tie against the truth, and so does what is not a number.
static void test_ranks(void **state) {
    (void)state;
    const struct softmax_shape shape = softmax_shape(1, 3);
    const double parameters[2 * 8] = {1, 0, 0, 0, 0, 0, 0, 0, 0, .5, .5};
    const float feature[] = {1, 0, NAN};
    const struct softmax_sample sample[] = {
        {&feature[0], 0}, {&feature[0], 1}, {&feature[1], 1}, {&feature[1], 0}, {&feature[2], 0}};
    static const int64_t expected[] = {1, 3, 2, 3, 3};
    int64_t rank[5];
    softmax_ranks(&shape, sample, 5, parameters, rank);
    for (int i = 0; i < 5; i++) assert_int_equal(rank[i], expected[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimum),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
