#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/plan.h"

struct mix {
    int count;
    struct plan_source source[4];
};

static const struct mix mixes[] = {
    {1, {{.size = 1, .fingerprint = 7, .weight = 1}}},
    {1, {{.size = 1000, .fingerprint = 7, .weight = 3}}},
    {2, {{.size = 17, .fingerprint = 7, .weight = 1}, {.size = 5, .fingerprint = 8, .weight = 1}}},
    {3,
     {{.size = 10, .fingerprint = 7, .weight = 3},
      {.size = 1, .fingerprint = 8, .weight = 1},
      {.size = 64, .fingerprint = 9, .weight = 2}}},
    {2, {{.size = 100, .fingerprint = 7, .weight = 999}, {.size = 3, .fingerprint = 8, .weight = 1}}},
};
#define MIXES (sizeof mixes / sizeof *mixes)

static struct plan *plan_of(const struct mix *mix, uint64_t seed, bool shuffle) {
    struct plan *plan;
    assert_int_equal(plan_new(&plan, mix->source, mix->count, seed, shuffle, 0), 0);
    return plan;
}

static int weight_sum(const struct mix *mix) {
    int sum = 0;
    for (int j = 0; j < mix->count; j++) sum += mix->source[j].weight;
    return sum;
}

static void test_every_source_covers_itself_once_per_epoch(void **state) {
    (void)state;
    for (size_t k = 0; k < MIXES; k++) {
        const struct mix *mix = &mixes[k];
        struct plan *plan = plan_of(mix, 5, true);
        for (int j = 0; j < mix->count; j++) {
            const int64_t size = mix->source[j].size, epochs = 3;
            char *seen = xcalloc((size_t)(size * epochs), 1);
            int64_t draw = 0;
            for (int64_t n = 0; draw < size * epochs; n++) {
                const struct plan_sample sample = plan_at(plan, n);
                if (sample.source != j) continue;
                assert_int_equal(sample.epoch, draw / size);
                assert_in_range(sample.record, 0, size - 1);
                assert_int_equal(seen[sample.epoch * size + sample.record]++, 0);
                draw++;
            }
            free(seen);
        }
        plan_free(&plan);
    }
}

static void test_every_window_of_W_has_the_weights(void **state) {
    (void)state;
    for (size_t k = 0; k < MIXES; k++) {
        struct plan *plan = plan_of(&mixes[k], 5, true);
        const int W = weight_sum(&mixes[k]);
        for (int64_t start = 0; start < 2 * W; start++) {
            int taken[4] = {0};
            for (int64_t n = start; n < start + W; n++) taken[plan_at(plan, n).source]++;
            for (int j = 0; j < mixes[k].count; j++) assert_int_equal(taken[j], mixes[k].source[j].weight);
        }
        plan_free(&plan);
    }
}

// However many samples were drawn, each source is within one of its share (n + 1)·a_j / W.
static void test_interleaving_is_even(void **state) {
    (void)state;
    for (size_t k = 0; k < MIXES; k++) {
        struct plan *plan = plan_of(&mixes[k], 0, true);
        const int W = weight_sum(&mixes[k]);
        int64_t taken[4] = {0};
        for (int64_t n = 0; n < 3 * W; n++) {
            taken[plan_at(plan, n).source]++;
            for (int j = 0; j < mixes[k].count; j++)
                assert_true(llabs(taken[j] * W - (n + 1) * mixes[k].source[j].weight) <= W);
        }
        plan_free(&plan);
    }
}

static bool same_sample(struct plan_sample a, struct plan_sample b) {
    return a.source == b.source && a.record == b.record && a.epoch == b.epoch && a.id == b.id &&
           a.key.value == b.key.value;
}

// Two plans asked in different orders agree: nothing depends on what was asked before.
static void test_samples_do_not_depend_on_the_order_of_asking(void **state) {
    (void)state;
    struct plan *a = plan_of(&mixes[3], 5, true), *b = plan_of(&mixes[3], 5, true);
    for (int64_t n = 0; n < 500; n++) {
        const struct plan_sample forward = plan_at(a, n);
        (void)plan_at(b, 499 - n);
        assert_true(same_sample(forward, plan_at(b, n)));
        assert_int_equal(forward.id, (int64_t)forward.source << 48 | forward.record);
    }
    plan_free(&a);
    plan_free(&b);
}

static int64_t agreeing(const struct plan *a, const struct plan *b, int64_t count) {
    int64_t same = 0;
    for (int64_t n = 0; n < count; n++) same += plan_at(a, n).record == plan_at(b, n).record;
    return same;
}

static void test_seed_epoch_and_data_change_the_order(void **state) {
    (void)state;
    struct mix other = mixes[1];
    other.source[0].fingerprint++;
    struct plan *a = plan_of(&mixes[1], 5, true), *b = plan_of(&mixes[1], 6, true), *c = plan_of(&other, 5, true);
    assert_in_range(agreeing(a, b, 1000), 0, 20);
    assert_in_range(agreeing(a, c, 1000), 0, 20);
    assert_int_equal(plan_fingerprint(a), plan_fingerprint(b));
    assert_int_not_equal(plan_fingerprint(a), plan_fingerprint(c));
    int64_t same = 0;
    for (int64_t n = 0; n < 1000; n++) same += plan_at(a, n).record == plan_at(a, n + 1000).record;
    assert_in_range(same, 0, 20);
    plan_free(&a);
    plan_free(&b);
    plan_free(&c);
}

static void test_keys_differ(void **state) {
    (void)state;
    struct plan *plan = plan_of(&mixes[0], 5, true);
    for (int64_t n = 1; n < 100; n++) assert_int_not_equal(plan_at(plan, n).key.value, plan_at(plan, n - 1).key.value);
    plan_free(&plan);
}

static void test_without_shuffle_sources_stand_one_behind_the_other(void **state) {
    (void)state;
    struct plan *plan = plan_of(&mixes[3], 5, false);
    assert_int_equal(plan_records(plan), 75);
    int64_t n = 0;
    for (int j = 0; j < 3; j++)
        for (int64_t record = 0; record < mixes[3].source[j].size; record++, n++) {
            const struct plan_sample sample = plan_at(plan, n);
            assert_int_equal(sample.source, j);
            assert_int_equal(sample.record, record);
        }
    plan_free(&plan);
}

static void test_far_samples(void **state) {
    (void)state;
    struct plan *plan = plan_of(&mixes[3], 5, true);
    const struct plan_sample sample = plan_at(plan, INT64_MAX);
    assert_in_range(sample.record, 0, mixes[3].source[sample.source].size - 1);
    plan_free(&plan);
}

static void test_bad_sources_are_usage_errors(void **state) {
    (void)state;
    const struct plan_source good = {.size = 1, .weight = 1};
    const struct plan_source bad[] = {
        {.size = 0, .weight = 1},
        {.size = -1, .weight = 1},
        {.size = (int64_t)1 << 48, .weight = 1},
        {.size = 1, .weight = 0},
        {.size = 1, .weight = PLAN_WEIGHT_SUM + 1},
        {.size = 1, .weight = PLAN_WEIGHT_SUM}, // with the good one's weight too many
    };
    struct plan *plan;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(plan_new(&plan, (struct plan_source[]){good, bad[i]}, 2, 0, true, 0), -EXIT_USAGE);
    assert_int_equal(plan_new(&plan, &good, 0, 0, true, 0), -EXIT_USAGE);
    assert_int_equal(plan_new(&plan, &good, PLAN_SOURCES + 1, 0, true, 0), -EXIT_USAGE);
}

static void test_weights(void **state) {
    (void)state;
    int weight[PLAN_SOURCES];
    assert_int_equal(plan_weights(NULL, 2, weight), 0);
    assert_int_equal(weight[0] + weight[1], 2);
    assert_int_equal(plan_weights("3::1::2", 3, weight), 0);
    assert_memory_equal(weight, ((int[]){3, 1, 2}), 3 * sizeof(int));
    for (const char *const *text =
             (const char *const[]){"", "1", "1::", "1::2::", "1::2::3", "1:2", "1::x", "0::1", "-1::1", "1.5::1",
                                   "1::99999999999999999999", "::1", "1::2x", NULL};
         *text; text++)
        if (plan_weights(*text, 2, weight) != -EXIT_USAGE) fail_msg("accepted: \"%s\"", *text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_source_covers_itself_once_per_epoch),
        cmocka_unit_test(test_every_window_of_W_has_the_weights),
        cmocka_unit_test(test_interleaving_is_even),
        cmocka_unit_test(test_samples_do_not_depend_on_the_order_of_asking),
        cmocka_unit_test(test_seed_epoch_and_data_change_the_order),
        cmocka_unit_test(test_keys_differ),
        cmocka_unit_test(test_without_shuffle_sources_stand_one_behind_the_other),
        cmocka_unit_test(test_far_samples),
        cmocka_unit_test(test_bad_sources_are_usage_errors),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
