// The formulas of design section 7.
#include "../base/folder.h"

#include <math.h>

#include "optim/schedule.h"

static void assert_rate(const struct schedule *schedule, int64_t step, double elapsed, double wanted) {
    double found = schedule_rate(schedule, step, elapsed);
    if (fabs(found - wanted) > 1e-15) fail_msg("step %d: %.17g, not %.17g", (int)step, found, wanted);
}

static void warm_up_is_linear_and_reaches_the_base(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_COSINE, .base = 0.8, .warmup = 4, .steps = 20};
    for (int s = 0; s < 4; s++) assert_rate(&schedule, s, 0, 0.8 * (s + 1) / 4);
    assert_rate(&schedule, 4, 0, 0.8);
}

static void each_kind_decays_as_it_says(void **state) {
    (void)state;
    struct schedule schedule = {.base = 2, .warmup = 4, .steps = 20};
    for (int s = 4; s < 20; s++) {
        double share = (s - 4) / 16.0;
        schedule.kind = SCHEDULE_CONST;
        assert_rate(&schedule, s, 0, 2);
        schedule.kind = SCHEDULE_LINEAR;
        assert_rate(&schedule, s, 0, 2 * (1 - share));
        schedule.kind = SCHEDULE_COSINE;
        assert_rate(&schedule, s, 0, 1 + cos(acos(-1) * share));
    }
}

static void the_clock_takes_the_place_of_steps(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_LINEAR, .base = 1, .warmup = 0.2, .seconds = 100};
    assert_rate(&schedule, 7, 10, 0.5);
    assert_rate(&schedule, 8, 20, 1);
    assert_rate(&schedule, 9, 60, 0.5);
    assert_rate(&schedule, 10, 100, 0);
    assert_rate(&schedule, 11, 130, 0); // a last step that began late
}

static void a_ceiling_of_time_hastens_only_who_is_late(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_LINEAR, .base = 1, .warmup = 2, .steps = 10, .ceiling = 100};
    assert_rate(&schedule, 1, 99, 1);
    assert_rate(&schedule, 6, 0, 0.5);
    assert_rate(&schedule, 6, 60, 0.5);
    assert_rate(&schedule, 6, 80, 0.25);
    assert_rate(&schedule, 6, 130, 0);
}

static void without_warm_up_the_first_step_has_the_base(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_LINEAR, .base = 3, .steps = 5};
    assert_rate(&schedule, 0, 0, 3);
    assert_rate(&schedule, 4, 0, 3 * (1 - 4 / 5.0));
}

static void warm_up_may_last_for_the_whole_run(void **state) {
    (void)state;
    struct schedule schedule = {.kind = SCHEDULE_COSINE, .base = 1, .warmup = 10, .steps = 10};
    assert_rate(&schedule, 9, 0, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_is_linear_and_reaches_the_base),
        cmocka_unit_test(each_kind_decays_as_it_says),
        cmocka_unit_test(the_clock_takes_the_place_of_steps),
        cmocka_unit_test(a_ceiling_of_time_hastens_only_who_is_late),
        cmocka_unit_test(without_warm_up_the_first_step_has_the_base),
        cmocka_unit_test(warm_up_may_last_for_the_whole_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
