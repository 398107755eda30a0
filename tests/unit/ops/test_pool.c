// Every share of every loop is run once, however many threads there are for the cores, and before pool_run returns.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/cpu/pool.h"

enum { MOST = 16, LOOPS = 3000 };

struct loop {
    atomic_int runs[MOST];
    int count; // of shares, as the shares themselves were told
};

static void run_share(const void *context, struct share share) {
    struct loop *loop = *(struct loop *const *)context;
    atomic_fetch_add(&loop->runs[share.index], 1);
    if (share.index == 0) loop->count = share.count;
    for (volatile int i = 0; i < 50 * (share.index % 3); i++) {
    }
}

static void check_loop(struct pool *pool, bool alone) {
    struct loop loop = {.count = 0}, *context = &loop;
    pool_run(pool, alone, run_share, &context);
    assert_int_equal(loop.count, alone ? 1 : pool_threads(pool));
    for (int i = 0; i < MOST; i++) assert_int_equal(atomic_load(&loop.runs[i]), i < loop.count);
}

static void test_every_share_runs_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= MOST; threads += threads < 4 ? 1 : 6) {
        struct pool *pool = pool_new(threads);
        assert_int_equal(pool_threads(pool), threads);
        for (int i = 0; i < LOOPS; i++) check_loop(pool, i % 7 == 3);
        pool_free(&pool);
        assert_null(pool);
    }
}

static void test_shares_cover_the_whole(void **state) {
    (void)state;
    for (int64_t n = 0; n < 40; n++)
        for (int count = 1; count < 6; count++) {
            int64_t next = 0;
            for (int i = 0; i < count; i++) {
                struct range range = share_of((struct share){i, count}, n, 3);
                assert_true(range.begin == next && range.end >= range.begin);
                next = range.end;
            }
            assert_true(next == n);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_share_runs_once),
                                       cmocka_unit_test(test_shares_cover_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
