// Both rules of the tiled contrastive loss against their definitions in double precision.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/contrastive.h"

struct problem {
    enum contrastive_kind kind;
    enum contrastive_convention convention;
    int64_t G, E;
    float *image, *text;
    struct contrastive_scalars scalars;
};

static float *random_rows(int64_t G, int64_t E, const char *name) {
    struct random_key key = random_key(1, name);
    float *rows = xcalloc((size_t)(G * E), sizeof *rows);
    for (int64_t i = 0; i < G; i++) {
        double norm = 0;
        for (int64_t e = 0; e < E; e++) norm += pow(random_normal(key, (uint64_t)(i * E + e)), 2);
        for (int64_t e = 0; e < E; e++)
            rows[i * E + e] = (float)(random_normal(key, (uint64_t)(i * E + e)) / sqrt(norm));
    }
    return rows;
}

static struct problem problem_of(enum contrastive_kind kind, enum contrastive_convention convention, int64_t G,
                                 int64_t E) {
    return (struct problem){kind, convention, G, E, random_rows(G, E, "image"), random_rows(G, E, "text"), {1.5, -2}};
}

static void release(struct problem *problem) {
    free(problem->image);
    free(problem->text);
}

// Where the loss is taken: the embeddings and the scalars, moved by `step` along four directions.
struct place {
    const float *along_image, *along_text;
    double along_scale, along_bias, step;
};

static double cosine(const struct problem *p, const struct place *at, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t e = 0; e < p->E; e++)
        sum += (p->image[i * p->E + e] + at->step * at->along_image[i * p->E + e]) *
               (p->text[j * p->E + e] + at->step * at->along_text[j * p->E + e]);
    return sum;
}

static double softmax_at(const struct problem *p, const struct place *at) {
    double scale = exp(p->scalars.logit_scale + at->step * at->along_scale), sum = 0;
    double *column = xcalloc((size_t)p->G, sizeof *column);
    for (int64_t i = 0; i < p->G; i++) {
        double row = 0;
        for (int64_t j = 0; j < p->G; j++) {
            double e = exp(scale * cosine(p, at, i, j));
            row += e;
            column[j] += e;
        }
        sum += log(row) - 2 * scale * cosine(p, at, i, i);
    }
    for (int64_t j = 0; j < p->G; j++) sum += log(column[j]);
    free(column);
    return sum / (double)p->G * (p->convention == CONTRASTIVE_MEAN ? 0.5 : 1);
}

static double sigmoid_at(const struct problem *p, const struct place *at) {
    double scale = exp(p->scalars.logit_scale + at->step * at->along_scale);
    double bias = p->scalars.logit_bias + at->step * at->along_bias, sum = 0;
    for (int64_t i = 0; i < p->G; i++)
        for (int64_t j = 0; j < p->G; j++) sum += log1p(exp((i == j ? -1 : 1) * (scale * cosine(p, at, i, j) + bias)));
    return sum / (double)p->G;
}

static double loss_at(const struct problem *p, const struct place *at) {
    return p->kind == CONTRASTIVE_SOFTMAX ? softmax_at(p, at) : sigmoid_at(p, at);
}

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void assert_close(double found, double wanted, double tolerance) {
    if (!(fabs(found - wanted) <= tolerance * fabs(wanted))) fail_msg("%.9g, not %.9g", found, wanted);
}

// The gradient in a direction is the difference of the loss along it: one number that holds every element.
static void check_direction(const struct problem *p, const struct contrastive_result *result, const float *d_image,
                            const float *d_text, double lambda, int which) {
    float *zero = xcalloc((size_t)(p->G * p->E), sizeof *zero);
    float *along = random_rows(p->G, p->E, "direction");
    struct place at = {which == 0 ? along : zero, which == 1 ? along : zero, which == 2, which == 3, 1e-4};
    double forward = loss_at(p, &at);
    at.step = -1e-4;
    double slope = (forward - loss_at(p, &at)) / 2e-4;
    double found = dot(d_image, at.along_image, p->G * p->E) + dot(d_text, at.along_text, p->G * p->E) +
                   result->d_logit_scale * at.along_scale + result->d_logit_bias * at.along_bias;
    assert_close(found, lambda * slope, 1e-4);
    free(zero);
    free(along);
}

static void check_problem(const char *device, struct problem p) {
    struct ops *ops;
    assert_int_equal(ops_open(&ops, device, DT_REAL, 2), 0);
    struct contrastive *contrastive = contrastive_new(ops, p.kind, p.G, p.E);
    size_t numbers = (size_t)(p.G * p.E);
    float *d_image = xcalloc(numbers, sizeof *d_image), *d_text = xcalloc(numbers, sizeof *d_text);
    struct place here = {.along_image = p.image, .along_text = p.text};
    double lambda = 0.75;
    struct contrastive_result alone =
        contrastive_run(contrastive, p.image, p.text, p.scalars, lambda, p.convention, NULL, NULL);
    struct contrastive_result result =
        contrastive_run(contrastive, p.image, p.text, p.scalars, lambda, p.convention, d_image, d_text);
    assert_close(result.loss, loss_at(&p, &here), 1e-6);
    assert_true(alone.loss == result.loss);
    for (int which = 0; which < 4; which++) check_direction(&p, &result, d_image, d_text, lambda, which);
    contrastive_free(&contrastive);
    ops_close(&ops);
    free(d_image);
    free(d_text);
    release(&p);
}

static void check_sizes(const char *device) {
    static const struct {
        int64_t G, E;
        enum contrastive_convention convention; // of the softmax
    } size[] = {{2, 3, CONTRASTIVE_MEAN},
                {7, 5, CONTRASTIVE_SUM},
                {1024, 6, CONTRASTIVE_MEAN},
                {1030, 4, CONTRASTIVE_SUM}}; // four tiles, the last of six rows and columns
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        check_problem(device, problem_of(CONTRASTIVE_SOFTMAX, size[i].convention, size[i].G, size[i].E));
        check_problem(device, problem_of(CONTRASTIVE_SIGMOID, size[i].convention, size[i].G, size[i].E));
    }
}

static void test_reference(void **state) {
    (void)state;
    check_sizes("reference");
}

static void test_cpu(void **state) {
    (void)state;
    check_sizes("cpu");
}

// One pair has nothing to be told apart from: no loss, no gradient by the softmax.
static void test_one_pair(void **state) {
    (void)state;
    struct problem p = problem_of(CONTRASTIVE_SOFTMAX, CONTRASTIVE_MEAN, 1, 4);
    struct ops *ops;
    float d_image[4], d_text[4];
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    struct contrastive *contrastive = contrastive_new(ops, p.kind, 1, 4);
    struct contrastive_result result = contrastive_run(contrastive, p.image, p.text, (struct contrastive_scalars){4, 0},
                                                       1, CONTRASTIVE_MEAN, d_image, d_text);
    assert_true(fabs(result.loss) < 1e-5);
    for (int i = 0; i < 4; i++) assert_true(fabs(d_image[i]) < 1e-4 && fabs(d_text[i]) < 1e-4);
    contrastive_free(&contrastive);
    ops_close(&ops);
    release(&p);
}

static void test_memory_of_a_large_batch(void **state) {
    (void)state;
    for (int kind = 0; kind <= CONTRASTIVE_SIGMOID; kind++)
        assert_true(contrastive_bytes((enum contrastive_kind)kind, 65536, 512) < 500 * 1000 * 1000);
}

// What a model that tells nothing apart loses: cosines of 0, and for the sigmoid the best of all biases.
static void test_chance(void **state) {
    (void)state;
    enum { G = 5, E = 2 };
    struct ops *ops;
    const float zero[G * E] = {0};
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    for (int kind = 0; kind <= CONTRASTIVE_SIGMOID; kind++)
        for (int convention = 0; convention <= CONTRASTIVE_SUM; convention++) {
            struct contrastive *contrastive = contrastive_new(ops, (enum contrastive_kind)kind, G, E);
            const struct contrastive_scalars scalars = {1, -log(G - 1)}; // σ = 1/G
            struct contrastive_result result = contrastive_run(contrastive, zero, zero, scalars, 1,
                                                               (enum contrastive_convention)convention, NULL, NULL);
            assert_close(contrastive_chance((enum contrastive_kind)kind, (enum contrastive_convention)convention, G),
                         result.loss, 1e-6);
            contrastive_free(&contrastive);
        }
    assert_true(contrastive_chance(CONTRASTIVE_SIGMOID, CONTRASTIVE_MEAN, 1) == 0);
    assert_string_equal(contrastive_name(CONTRASTIVE_SIGMOID), "sigmoid");
    ops_close(&ops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_one_pair),  cmocka_unit_test(test_memory_of_a_large_batch),
        cmocka_unit_test(test_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
