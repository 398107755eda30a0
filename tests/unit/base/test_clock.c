#include "support.h"

#include <time.h>

#include "base/clock.h"

static void the_clock_runs_forward_in_seconds(void **state) {
    (void)state;
    double before = clock_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    double passed = clock_seconds() - before;
    assert_true(passed >= 0.019 && passed < 5);
}

static void the_peak_counts_touched_memory(void **state) {
    (void)state;
    const size_t size = (size_t)64 << 20;
    int64_t before = memory_peak_bytes();
    char *memory = xmalloc(size);
    memset(memory, 1, size);
    int64_t during = memory_peak_bytes();
    free(memory);
    assert_true(before > 100000);
    assert_true(during >= (int64_t)size);
    assert_true(during < before + (int64_t)size + ((int64_t)64 << 20));
    // The kernel counts by processor and sums up late: a few hundred pages of play.
    assert_true(memory_peak_bytes() >= during - ((int64_t)4 << 20));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_runs_forward_in_seconds),
        cmocka_unit_test(the_peak_counts_touched_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
