// Which units are asked for, and when. edge_want is a stand-in that writes them down.
#include "../run/run.h"

#include "train/prefetch.h"

static struct unit asked[256];
static int count;

void edge_want(struct edge *edge, struct address from, struct unit unit) {
    (void)edge;
    (void)from;
    asked[count++] = unit;
}

static void reach(struct prefetch *prefetch, struct step_order order, int microbatch, int wanted) {
    prefetch_reach(prefetch, &order, microbatch);
    assert_int_equal(count, wanted);
}

static void assert_unit(int i, int64_t step, int microbatch, int64_t first, int samples) {
    assert_int_equal(asked[i].step, step);
    assert_int_equal(asked[i].microbatch, microbatch);
    assert_int_equal(asked[i].first, first);
    assert_int_equal(asked[i].samples, samples);
}

static void units_are_asked_for_once_and_in_order(void **state) {
    (void)state;
    struct prefetch prefetch;
    struct step_order order = {.step = 5, .first = 60, .batch = 12, .microbatches = 3, .steps = 100};
    count = 0;
    prefetch_begin(&prefetch, NULL, 4, 0, 1);
    reach(&prefetch, order, 0, 5);
    assert_unit(0, 5, 0, 60, 4);
    assert_unit(2, 5, 2, 68, 4);
    assert_unit(3, 6, 0, 72, 4); // over the end of the step
    assert_unit(4, 6, 1, 76, 4);
    reach(&prefetch, order, 1, 6);
    reach(&prefetch, order, 1, 6);
    reach(&prefetch, order, 2, 7);
    order.step = 6;
    order.first = 72;
    reach(&prefetch, order, 0, 8);
    assert_unit(7, 7, 1, 88, 4);
}

static void nothing_is_asked_beyond_the_last_step(void **state) {
    (void)state;
    struct prefetch prefetch;
    struct step_order order = {.step = 0, .batch = 2, .microbatches = 2, .steps = 2};
    count = 0;
    prefetch_begin(&prefetch, NULL, 10, 0, 1);
    reach(&prefetch, order, 0, 4);
    reach(&prefetch, order, 1, 4);
    assert_unit(3, 1, 1, 3, 1);
}

static void without_an_end_it_goes_on(void **state) {
    (void)state;
    struct prefetch prefetch;
    struct step_order order = {.step = 0, .batch = 2, .microbatches = 1};
    count = 0;
    prefetch_begin(&prefetch, NULL, 10, 0, 1);
    reach(&prefetch, order, 0, 11);
}

static void the_smallest_window_asks_for_the_next_alone(void **state) {
    (void)state;
    struct prefetch prefetch;
    struct step_order order = {.step = 0, .batch = 32, .microbatches = 16, .steps = 2};
    count = 0;
    prefetch_begin(&prefetch, NULL, 0, 0, 1);
    for (int m = 0; m < 16; m++) reach(&prefetch, order, m, m + 1);
    order.step = 1;
    order.first = 32;
    for (int m = 0; m < 16; m++) reach(&prefetch, order, m, 17 + m);
    assert_unit(31, 1, 15, 62, 2);
}

static void a_replica_asks_for_its_own(void **state) {
    (void)state;
    struct prefetch prefetch;
    struct step_order order = {.step = 0, .batch = 10, .microbatches = 5, .steps = 3};
    count = 0;
    prefetch_begin(&prefetch, NULL, 2, 1, 2);
    reach(&prefetch, order, 1, 3); // microbatches 1 and 3 of each step
    assert_unit(0, 0, 1, 2, 2);
    assert_unit(1, 0, 3, 6, 2);
    assert_unit(2, 1, 1, 12, 2);
    reach(&prefetch, order, 3, 4);
    assert_unit(3, 1, 3, 16, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_asked_for_once_and_in_order),
        cmocka_unit_test(nothing_is_asked_beyond_the_last_step),
        cmocka_unit_test(without_an_end_it_goes_on),
        cmocka_unit_test(the_smallest_window_asks_for_the_next_alone),
        cmocka_unit_test(a_replica_asks_for_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
