// Every item is worked on once, however many there are.
#include "support.h"

#include <stdatomic.h>

#include "base/threads.h"

#define ITEMS 10000

static atomic_int worked[ITEMS];

static void work(void *context, size_t item) {
    atomic_fetch_add((atomic_int *)context + item, 1);
}

static void test_each_item_once(void **state) {
    (void)state;
    for (size_t count = 0; count <= ITEMS; count = count ? 100 * count : 1) {
        memset(worked, 0, sizeof worked);
        threads_each(count, work, worked);
        for (size_t i = 0; i < ITEMS; i++) assert_int_equal(worked[i], i < count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_item_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
