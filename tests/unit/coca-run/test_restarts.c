// Limits and back-off of restarts.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../stages/coca-run/restarts.h"

static void test_waits_double(void **state) {
    (void)state;
    const struct row row = {.restarts = 20, .window = 60};
    struct restarts restarts = {0};
    double expected = 0.1;
    for (int i = 0; i < 20; i++, expected *= 2) {
        double wait = restarts_next(&restarts, &row, 100 + i);
        assert_true(wait > 0.99 * (expected < 10 ? expected : 10) && wait < 1.01 * (expected < 10 ? expected : 10));
    }
    assert_true(restarts_next(&restarts, &row, 121) < 0);
    free(restarts.at);
}

static void test_forgets(void **state) {
    (void)state;
    const struct row row = {.restarts = 2, .window = 10}, never = {.restarts = 0, .window = 10};
    struct restarts restarts = {0};
    assert_true(restarts_next(&restarts, &row, 0) > 0);
    assert_true(restarts_next(&restarts, &row, 5) > 0);
    assert_true(restarts_next(&restarts, &row, 9.9) < 0);
    assert_true(restarts_next(&restarts, &row, 10) > 0.19); // the first is forgotten, the second is not
    assert_true(restarts_next(&restarts, &row, 14.9) < 0);
    double wait = restarts_next(&restarts, &row, 1000);
    assert_true(wait > 0 && wait < 0.11);
    assert_true(restarts_next(&restarts, &never, 2000) < 0);
    free(restarts.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waits_double), cmocka_unit_test(test_forgets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
