// L-BFGS on functions whose minima are known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "measure/lbfgs.h"

enum { N = 6 };

// Rosenbrock's valley, least (0) at ones.
static double valley(const void *context, const double *x, double *gradient) {
    (void)context;
    double value = 0;
    for (int i = 0; i < N; i++) gradient[i] = 0;
    for (int i = 0; i + 1 < N; i++) {
        const double bend = x[i + 1] - x[i] * x[i], off = 1 - x[i];
        value += 100 * bend * bend + off * off;
        gradient[i] -= 400 * x[i] * bend + 2 * off;
        gradient[i + 1] += 200 * bend;
    }
    return value;
}

// Curvatures from 1 to 10^10, least at i for variable i.
static double bowl(const void *context, const double *x, double *gradient) {
    const double *curvature = context;
    double value = 0;
    for (int i = 0; i < N; i++) {
        gradient[i] = curvature[i] * (x[i] - i);
        value += gradient[i] * (x[i] - i) / 2;
    }
    return value;
}

// Not defined below 0, least at 1 for each.
static double wall(const void *context, const double *x, double *gradient) {
    (void)context;
    double value = 0;
    for (int i = 0; i < N; i++) {
        value += x[i] - log(x[i]);
        gradient[i] = 1 - 1 / x[i];
    }
    return value;
}

static void test_valley(void **state) {
    (void)state;
    double x[N] = {-1.2, 1, -1.2, 1, -1.2, 1};
    const struct lbfgs_result result = lbfgs_minimise(&(struct lbfgs_function){N, valley, NULL}, x, 1e-8, 500);
    assert_true(result.converged);
    for (int i = 0; i < N; i++) assert_float_equal(x[i], 1, 1e-6);
}

static void test_bowl(void **state) {
    (void)state;
    static const double curvature[N] = {1, 1e2, 1e4, 1e6, 1e8, 1e10};
    double x[N] = {9, 9, 9, 9, 9, 9};
    const struct lbfgs_result result = lbfgs_minimise(&(struct lbfgs_function){N, bowl, curvature}, x, 1e-6, 500);
    assert_true(result.converged);
    for (int i = 0; i < N; i++) assert_float_equal(x[i], i, 1e-5);
}

static void test_steps_to_where_nothing_is_defined(void **state) {
    (void)state;
    double x[N] = {1e-3, .1, 5, 50, 1, 2};
    const struct lbfgs_result result = lbfgs_minimise(&(struct lbfgs_function){N, wall, NULL}, x, 1e-8, 500);
    assert_true(result.converged);
    for (int i = 0; i < N; i++) assert_float_equal(x[i], 1, 1e-6);
}

static void test_limit(void **state) {
    (void)state;
    double x[N] = {-1.2, 1, -1.2, 1, -1.2, 1};
    const struct lbfgs_function function = {N, valley, NULL};
    struct lbfgs_result result = lbfgs_minimise(&function, x, 1e-8, 3);
    assert_false(result.converged);
    assert_int_equal(result.iterations, 3);
    for (int i = 0; i < N; i++) x[i] = 1;
    result = lbfgs_minimise(&function, x, 1e-8, 3);
    assert_true(result.converged);
    assert_int_equal(result.iterations, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valley),
        cmocka_unit_test(test_bowl),
        cmocka_unit_test(test_steps_to_where_nothing_is_defined),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
