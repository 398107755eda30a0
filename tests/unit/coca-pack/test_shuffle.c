#include "../base/support.h"

#include <math.h>

#include "../../../stages/coca-pack/peers.h"

#include "dataset/store.h"

enum { RECORDS = 5000, SHARD = 700 };
static char *directory;

static int make(void **state) {
    if (make_folder(state)) return -1;
    directory = path_join(folder, "data");
    struct store_writer *writer;
    int status = store_writer_open(&writer, directory, SHARD, false);
    const struct record record = {.class = 1};
    for (int i = 0; i < RECORDS && !status; i++) status = store_writer_add(writer, &record);
    return status ? status : store_writer_commit(&writer);
}

static int clear(void **state) {
    free(directory);
    return remove_folder(state);
}

static void begin(struct spread *spread, struct store **store) {
    assert_int_equal(store_open(store, directory), 0);
    spread_begin(spread, *store);
}

static void end(struct spread *spread, struct store **store) {
    spread_end(spread);
    store_close(store);
}

static void test_distances_of_orders_that_are_known(void **state) {
    (void)state;
    struct spread spread;
    struct store *store;
    begin(&spread, &store);
    for (int64_t r = 0; r < RECORDS; r++) spread_give(&spread, r);
    struct spread_measure measure = spread_measure(&spread);
    assert_int_equal(measure.median, 1);
    assert_int_equal(measure.tenth, 1);
    assert_true(measure.mean == 1);
    spread_restart(&spread);
    for (int64_t r = 0; r < RECORDS; r += 2) spread_give(&spread, r); // the even ones, then the odd ones
    for (int64_t r = 1; r < RECORDS; r += 2) spread_give(&spread, r);
    measure = spread_measure(&spread);
    assert_in_range(measure.median, 2496, 2500); // 2500 or 2499, to 0.1%
    assert_true(fabs(measure.mean - 2499.5) < 1);
    end(&spread, &store);
}

// Each record once, and neighbours within a run of 256 or between two of one chunk.
static void test_litdata_s_order(void **state) {
    (void)state;
    struct spread spread;
    struct store *store;
    begin(&spread, &store);
    peers_litdata(&spread, 3);
    char seen[RECORDS] = {0};
    for (int64_t r = 0; r < RECORDS; r++) assert_int_equal(seen[spread.place[r]]++, 0);
    for (int64_t r = 1; r < RECORDS; r++)
        if (r % SHARD) assert_in_range(llabs(spread.place[r] - spread.place[r - 1]), 1, SHARD - 1);
    const struct spread_measure measure = spread_measure(&spread);
    assert_true(measure.mean > 70 && measure.mean < 100); // of places drawn from 256 a third, 85
    end(&spread, &store);
}

// With fewer samples than a block every sample may stand anywhere: a third of the records on average, as in global
// order, less what the epoch's ends hold back.
static void test_py1e_s_order(void **state) {
    (void)state;
    struct spread spread;
    struct store *store;
    begin(&spread, &store);
    peers_py1e(&spread, 3);
    char seen[RECORDS] = {0};
    for (int64_t r = 0; r < RECORDS; r++) assert_int_equal(seen[spread.place[r]]++, 0);
    const struct spread_measure measure = spread_measure(&spread);
    assert_true(measure.mean > 0.28 * RECORDS && measure.mean < 0.36 * RECORDS);
    end(&spread, &store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances_of_orders_that_are_known),
        cmocka_unit_test(test_litdata_s_order),
        cmocka_unit_test(test_py1e_s_order),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
