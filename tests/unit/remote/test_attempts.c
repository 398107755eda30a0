// How often is tried, and how long is waited in between.
#include "../base/support.h"

#include "base/clock.h"
#include "remote/attempts.h"
#include <math.h>

static void pauses_double_up_to_ten_seconds(void **state) {
    (void)state;
    static const double whole[] = {0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10};
    for (int i = 0; i < 8; i++) {
        assert_true(fabs(attempts_pause(i + 1, 0) - whole[i]) < 1e-12);
        assert_true(fabs(attempts_pause(i + 1, 0.5) - 0.75 * whole[i]) < 1e-12);
    }
    assert_true(attempts_pause(INT64_MAX, 0) == 10);
}

static struct failure passing(void) {
    struct failure failure;
    failure_set(&failure, EXIT_RUN, "late");
    failure.passing = true;
    return failure;
}

static void enough_attempts_are_one_error(void **state) {
    (void)state;
    struct attempts attempts = {0};
    struct remote_options options = REMOTE_DEFAULTS;
    options.retries = 1;
    struct failure failure = passing();
    const double begin = clock_seconds();
    assert_int_equal(attempts_again(&attempts, &options, "http://h/a", &failure), 0);
    assert_true(clock_seconds() - begin >= 0.1);
    failure = passing();
    assert_int_equal(attempts_again(&attempts, &options, "http://h/a", &failure), -EXIT_RUN);
    assert_has(failure.text, "http://h/a: late; tried 2 times");
    attempts_moved(&attempts);
    failure = passing();
    assert_int_equal(attempts_again(&attempts, &options, "http://h/a", &failure), 0);
    failure_set(&failure, EXIT_DATA, "missing");
    assert_int_equal(attempts_again(&attempts, &options, "http://h/a", &failure), -EXIT_DATA);
    assert_string_equal(failure.text, "missing");
}

static bool at_once(void) {
    return true;
}

static void a_request_to_stop_ends_a_pause(void **state) {
    (void)state;
    struct attempts attempts = {.failed = 6};
    struct remote_options options = REMOTE_DEFAULTS;
    options.stopped = at_once;
    struct failure failure = passing();
    const double begin = clock_seconds();
    listen_in();
    const int status = attempts_again(&attempts, &options, "http://h/a", &failure);
    assert_has(heard(), "note: http://h/a: late; trying again");
    assert_int_equal(status, -EXIT_RUN);
    assert_true(clock_seconds() - begin < 3);
    assert_has(failure.text, "asked to stop");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_ten_seconds),
        cmocka_unit_test(enough_attempts_are_one_error),
        cmocka_unit_test(a_request_to_stop_ends_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
