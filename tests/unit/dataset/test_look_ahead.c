// Stores of their own stand in for those of store.c: what they are told is looked at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dataset/blocks.h"
#include "dataset/cache_room.h"
#include "dataset/look_ahead.h"

enum { PARTS = 10, SIZE = 1000 };
#define GIB ((int64_t)1 << 30)

struct store {
    int64_t first[PARTS + 1], bytes[PARTS];
    int told[2 * PARTS], count, tellings;
};

int store_parts(const struct store *store, const int64_t **first) {
    *first = store->first;
    return PARTS;
}

int64_t store_remote_bytes(const struct store *store, int part) {
    return store->bytes[part];
}

void store_ahead(struct store *store, const int *part, int count) {
    assert_in_range(count, 0, 2 * PARTS);
    if (count) memcpy(store->told, part, (size_t)count * sizeof *part);
    store->count = count;
    store->tellings++;
}

static struct store one, other;
static struct store *const stores[] = {&one, &other};

static int make(void **state) {
    (void)state;
    one = other = (struct store){0};
    for (int i = 0; i < PARTS; i++) {
        one.first[i + 1] = one.first[i] + SIZE;
        other.first[i + 1] = other.first[i] + SIZE;
        one.bytes[i] = (i + 1) * GIB / 10;
    }
    return 0;
}

static struct plan *plan_of(bool shuffle, int64_t window) {
    struct plan *plan;
    const struct plan_source source[] = {
        {.size = PARTS * SIZE, .fingerprint = 1, .weight = 2, .first = one.first, .parts = PARTS},
        {.size = PARTS * SIZE, .fingerprint = 2, .weight = 1, .first = other.first, .parts = PARTS}};
    assert_int_equal(plan_new(&plan, source, 2, 3, shuffle, window), 0);
    return plan;
}

static bool is_told(const struct store *store, int part) {
    for (int i = 0; i < store->count; i++)
        if (store->told[i] == part) return true;
    return false;
}

// All that the samples from n on need, so many of them, is told when n is read.
static void assert_told(const struct plan *plan, int64_t n, int64_t samples) {
    for (int64_t i = n; i < n + samples; i++) {
        const struct plan_sample sample = plan_at(plan, i);
        const struct store *store = stores[sample.source];
        assert_true(is_told(store, part_of(store->first, PARTS, sample.record)));
    }
}

static void test_blocks_tell_two_windows_when_they_change(void **state) {
    (void)state;
    struct plan *plan = plan_of(true, 2);
    struct look_ahead *ahead = look_ahead_new(stores, 2, plan, true);
    for (int64_t n = 0; n < 40000; n += 100) {
        look_ahead_from(ahead, n);
        assert_told(plan, n, 1000);
        assert_in_range(one.count, 1, 4);
        assert_in_range(other.count, 1, 4);
    }
    assert_in_range(one.tellings, 12, 14); // 40,000 · 2/3 samples, 2,000 a window
    assert_in_range(other.tellings, 6, 7);
    look_ahead_free(&ahead);
    plan_free(&plan);
}

static void test_global_order_tells_what_thousands_need(void **state) {
    (void)state;
    struct plan *plan = plan_of(true, 0);
    struct look_ahead *ahead = look_ahead_new(stores, 2, plan, true);
    look_ahead_from(ahead, 500);
    assert_told(plan, 500, 4000);
    const struct plan_sample sample = plan_at(plan, 500);
    assert_int_equal(stores[sample.source]->told[0], part_of(one.first, PARTS, sample.record)); // as they are needed
    look_ahead_from(ahead, 600);
    assert_int_equal(one.tellings, 1);
    look_ahead_free(&ahead);
    plan_free(&plan);
}

static void test_a_pass_tells_the_next_parts_to_its_end(void **state) {
    (void)state;
    struct plan *plan = plan_of(false, 0);
    struct look_ahead *ahead = look_ahead_new(stores, 2, plan, false);
    look_ahead_from(ahead, 0);
    assert_memory_equal(one.told, ((int[]){0, 1, 2, 3, 4, 5}), 6 * sizeof(int));
    assert_int_equal(one.count, 6);
    look_ahead_from(ahead, 9990);
    assert_memory_equal(one.told, ((int[]){9}), sizeof(int));
    assert_true(is_told(&other, 4));
    look_ahead_from(ahead, 2 * PARTS * SIZE - 1);
    assert_memory_equal(other.told, ((int[]){9}), sizeof(int));
    assert_int_equal(other.count, 1);
    look_ahead_free(&ahead);
    plan_free(&plan);
}

static void test_nothing_is_looked_at_where_all_is_here(void **state) {
    (void)state;
    memset(one.bytes, 0, sizeof one.bytes);
    struct plan *plan = plan_of(true, 0);
    struct look_ahead *ahead = look_ahead_new(stores, 2, plan, true);
    assert_null(ahead);
    look_ahead_from(ahead, 0);
    look_ahead_free(&ahead);
    plan_free(&plan);
}

// Objects of 0.1 to 1 GiB, 5.5 together; the largest four, 0.7 to 1, are two windows of two.
static void test_what_a_cache_must_hold(void **state) {
    (void)state;
    const int64_t half = GIB / 10 * 55, four = GIB / 10 * 34;
    assert_in_range(cache_need(stores, 2, 0), half, half + 100);
    assert_in_range(cache_need(stores, 2, 2), four, four + 100);
    assert_int_equal(cache_need(stores, 2, 5), cache_need(stores, 2, 0));
    struct remote_options remote = {.cache = "cache", .cache_bytes = cache_need(stores, 2, 2)};
    assert_int_equal(cache_check(stores, 2, 2, &remote), 0);
    assert_int_equal(cache_check(stores, 2, 3, &remote), -EXIT_USAGE);
    assert_int_equal(cache_check(stores, 2, 0, &remote), -EXIT_USAGE);
    remote.cache_bytes = GIB;
    assert_int_equal(cache_check(stores, 2, 1, &remote), -EXIT_USAGE);
    remote.cache = NULL;
    assert_int_equal(cache_check(stores, 2, 0, &remote), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_blocks_tell_two_windows_when_they_change, make),
        cmocka_unit_test_setup(test_global_order_tells_what_thousands_need, make),
        cmocka_unit_test_setup(test_a_pass_tells_the_next_parts_to_its_end, make),
        cmocka_unit_test_setup(test_nothing_is_looked_at_where_all_is_here, make),
        cmocka_unit_test_setup(test_what_a_cache_must_hold, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
