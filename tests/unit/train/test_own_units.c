// Which units a rank asks for, and how far ahead. edge_want is a stand-in that writes them down.
#include "../run/run.h"

#include "train/own_units.h"

static struct unit asked[256];
static int count;

void edge_want(struct edge *edge, struct address from, struct unit unit) {
    (void)edge;
    (void)from;
    asked[count++] = unit;
}

bool edge_is_recording(const struct edge *edge) {
    (void)edge;
    return false;
}

// Every unit is answered at once.
int edge_take(struct edge *edge, struct wanted wanted, struct message **message) {
    (void)edge;
    *message = message_new(MESSAGE_DATA, (struct unit){.step = wanted.step, .microbatch = wanted.microbatch});
    return 0;
}

bool edge_ready(struct edge *edge, struct wanted wanted) {
    (void)edge;
    (void)wanted;
    return true;
}

struct asker {
    struct own_units own;
    struct ahead ahead;
};

static void begin(struct asker *asker, int window, int rank, int ranks) {
    count = 0;
    own_units_begin(&asker->own, rank, ranks);
    asker->ahead = (struct ahead){.from = ANYBODY, .window = window, .next = own_units_next, .context = &asker->own};
}

// Takes one unit; then so many were asked for.
static void take(struct asker *asker, int64_t step, int microbatch, int wanted) {
    struct message *message;
    assert_done(ahead_take(&asker->ahead, &message));
    assert_int_equal(message->unit.step, step);
    assert_int_equal(message->unit.microbatch, microbatch);
    assert_int_equal(count, wanted);
    message_free(&message);
}

static void assert_unit(int i, int64_t step, int microbatch, int64_t first, int samples) {
    assert_int_equal(asked[i].step, step);
    assert_int_equal(asked[i].microbatch, microbatch);
    assert_int_equal(asked[i].first, first);
    assert_int_equal(asked[i].samples, samples);
}

static void units_are_asked_for_once_and_in_order(void **state) {
    (void)state;
    struct asker asker;
    struct step_order order = {.step = 5, .first = 60, .batch = 12, .microbatches = 3, .steps = 100};
    begin(&asker, 4, 0, 1);
    own_units_reach(&asker.own, &order);
    take(&asker, 5, 0, 5);
    assert_unit(0, 5, 0, 60, 4);
    assert_unit(2, 5, 2, 68, 4);
    assert_unit(3, 6, 0, 72, 4); // over the end of the step
    assert_unit(4, 6, 1, 76, 4);
    take(&asker, 5, 1, 6);
    take(&asker, 5, 2, 7);
    order.step = 6;
    order.first = 72;
    own_units_reach(&asker.own, &order);
    take(&asker, 6, 0, 8);
    assert_unit(7, 7, 1, 88, 4);
    ahead_release(&asker.ahead);
}

static void nothing_is_asked_beyond_the_last_step(void **state) {
    (void)state;
    struct asker asker;
    struct message *message;
    const struct step_order order = {.step = 0, .batch = 2, .microbatches = 2, .steps = 2};
    begin(&asker, 10, 0, 1);
    own_units_reach(&asker.own, &order);
    for (int k = 0; k < 4; k++) take(&asker, k / 2, k % 2, 4);
    assert_unit(3, 1, 1, 3, 1);
    assert_int_equal(ahead_take(&asker.ahead, &message), HUB_END);
    ahead_release(&asker.ahead);
}

static void without_an_end_it_goes_on(void **state) {
    (void)state;
    struct asker asker;
    const struct step_order order = {.step = 0, .batch = 2, .microbatches = 1};
    begin(&asker, 10, 0, 1);
    own_units_reach(&asker.own, &order);
    take(&asker, 0, 0, 11);
    ahead_release(&asker.ahead);
}

static void the_smallest_window_asks_for_the_next_alone(void **state) {
    (void)state;
    struct asker asker;
    struct step_order order = {.step = 0, .batch = 32, .microbatches = 16, .steps = 2};
    begin(&asker, 0, 0, 1);
    own_units_reach(&asker.own, &order);
    for (int m = 0; m < 16; m++) take(&asker, 0, m, m + 1);
    order.step = 1;
    order.first = 32;
    own_units_reach(&asker.own, &order);
    for (int m = 0; m < 16; m++) take(&asker, 1, m, 17 + m);
    assert_unit(31, 1, 15, 62, 2);
    ahead_release(&asker.ahead);
}

static void a_rank_asks_for_its_own_block(void **state) {
    (void)state;
    struct asker asker;
    const struct step_order order = {.step = 0, .batch = 12, .microbatches = 6, .steps = 3};
    begin(&asker, 3, 1, 3); // microbatches 2 and 3 of each step
    own_units_reach(&asker.own, &order);
    take(&asker, 0, 2, 4);
    assert_unit(0, 0, 2, 4, 2);
    assert_unit(1, 0, 3, 6, 2);
    assert_unit(2, 1, 2, 16, 2);
    assert_unit(3, 1, 3, 18, 2);
    take(&asker, 0, 3, 5);
    ahead_release(&asker.ahead);
}

static void what_is_looked_at_is_taken_next(void **state) {
    (void)state;
    struct asker asker;
    const struct step_order order = {.step = 0, .batch = 4, .microbatches = 4, .steps = 1};
    begin(&asker, 1, 0, 1);
    own_units_reach(&asker.own, &order);
    assert_null(ahead_first(&asker.ahead));
    assert_null(ahead_peek(&asker.ahead)); // nothing is asked for yet
    take(&asker, 0, 0, 2);
    assert_int_equal(ahead_first(&asker.ahead)->microbatch, 1);
    const struct message *next = ahead_peek(&asker.ahead);
    assert_int_equal(next->unit.microbatch, 1);
    assert_ptr_equal(ahead_peek(&asker.ahead), next);
    take(&asker, 0, 1, 3);
    take(&asker, 0, 2, 4);
    ahead_peek(&asker.ahead);
    ahead_release(&asker.ahead); // with a message that nobody took
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_asked_for_once_and_in_order),
        cmocka_unit_test(nothing_is_asked_beyond_the_last_step),
        cmocka_unit_test(without_an_end_it_goes_on),
        cmocka_unit_test(the_smallest_window_asks_for_the_next_alone),
        cmocka_unit_test(a_rank_asks_for_its_own_block),
        cmocka_unit_test(what_is_looked_at_is_taken_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
