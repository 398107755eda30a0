#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/blocks.h"
#include "dataset/plan.h"

enum { PARTS_MOST = 100 };

struct cut {
    int parts, window;
    int64_t first[PARTS_MOST + 1];
};

// Parts of 0 to 12 records, some of one, drawn anew for each round; at least one record.
static struct cut random_cut(uint64_t round) {
    const struct random_key key = random_key(round, "cut");
    struct cut cut = {.parts = 1 + (int)random_below(key, 0, PARTS_MOST)};
    cut.window = 1 + (int)random_below(key, 1, (uint64_t)cut.parts);
    for (int i = 0; i < cut.parts; i++) {
        const int64_t size = (int64_t)random_below(key, 2 + (uint64_t)i, 13);
        cut.first[i + 1] = cut.first[i] + (round % 4 ? size : 1);
    }
    if (!cut.first[cut.parts]) cut.first[cut.parts] = 1;
    return cut;
}

static int64_t records(const struct cut *cut) {
    return cut->first[cut->parts];
}

static struct blocks *blocks_of(const struct cut *cut, uint64_t seed) {
    return blocks_new(cut->first, cut->parts, cut->window, random_key(seed, "blocks"));
}

static void test_part_of(void **state) {
    (void)state;
    const int64_t first[] = {0, 0, 3, 3, 4, 9};
    const int expected[] = {1, 1, 1, 3, 4, 4, 4, 4, 4};
    for (int i = 0; i < 9; i++) assert_int_equal(part_of(first, 5, i), expected[i]);
}

// The order as plan.h and blocks.h say it, written out as lists: parts in their new order, then window by window all
// records, then the window's permutation of them.
static void list_epoch(const struct cut *cut, struct random_key key, int64_t epoch, int64_t *order) {
    const struct random_key own = random_subkey(key, (uint64_t)epoch);
    const struct random_key parts = random_subkey(own, 0), windows = random_subkey(own, 1);
    int64_t filled = 0;
    for (int w = 0; w * cut->window < cut->parts; w++) {
        int64_t *list = malloc((size_t)records(cut) * sizeof *list), size = 0;
        for (int i = w * cut->window; i < cut->parts && i < (w + 1) * cut->window; i++) {
            const int part = (int)random_permute(parts, (uint64_t)cut->parts, (uint64_t)i);
            for (int64_t r = cut->first[part]; r < cut->first[part + 1]; r++) list[size++] = r;
        }
        for (int64_t k = 0; k < size; k++)
            order[filled++] = list[random_permute(random_subkey(windows, (uint64_t)w), (uint64_t)size, (uint64_t)k)];
        free(list);
    }
    assert_int_equal(filled, records(cut));
}

static void test_blocks_are_the_order_that_lists_give(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 200; round++) {
        const struct cut cut = random_cut(round);
        struct blocks *blocks = blocks_of(&cut, round);
        int64_t *order = malloc((size_t)records(&cut) * sizeof *order);
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            list_epoch(&cut, random_key(round, "blocks"), epoch, order);
            for (int64_t k = 0; k < records(&cut); k++) assert_int_equal(blocks_at(blocks, epoch, k), order[k]);
        }
        free(order);
        blocks_free(&blocks);
    }
}

static void test_every_record_once_an_epoch_and_windows_apart(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 200; round++) {
        const struct cut cut = random_cut(round);
        struct blocks *blocks = blocks_of(&cut, round);
        char *seen = calloc((size_t)records(&cut), 1);
        int left[PARTS_MOST] = {0}, open = 0, begun = 0; // parts of which some records are drawn, and not all
        for (int64_t k = 0; k < records(&cut); k++) {
            const int64_t record = blocks_at(blocks, 7, k);
            assert_in_range(record, 0, records(&cut) - 1);
            assert_int_equal(seen[record]++, 0);
            const int part = part_of(cut.first, cut.parts, record);
            if (!left[part]) {
                left[part] = (int)(cut.first[part + 1] - cut.first[part]);
                open++;
                begun++;
            }
            if (!--left[part]) open--;
            assert_in_range(open, 0, cut.window);
        }
        free(seen);
        blocks_free(&blocks);
    }
}

static void test_epochs_differ_and_any_order_of_asking_is_right(void **state) {
    (void)state;
    const struct cut cut = random_cut(9);
    struct blocks *forward = blocks_of(&cut, 1), *jumping = blocks_of(&cut, 1);
    int64_t same = 0, size = records(&cut);
    for (int64_t n = 0; n < 20 * size; n++)
        same += blocks_at(forward, n / size, n % size) == blocks_at(forward, 0, n % size);
    assert_in_range(same, size, 4 * size); // epoch 0 is itself
    for (int64_t i = 0; i < 5000; i++) {
        const int64_t n = (i * 7919) % (20 * size);
        assert_int_equal(blocks_at(jumping, n / size, n % size), blocks_at(forward, n / size, n % size));
    }
    blocks_free(&forward);
    blocks_free(&jumping);
}

static bool holds(const int *part, int count, int wanted) {
    for (int i = 0; i < count; i++)
        if (part[i] == wanted) return true;
    return false;
}

// What is near holds the samples' parts until the end of the next window, past the end of an epoch too.
static void test_near_parts_hold_what_comes(void **state) {
    (void)state;
    for (uint64_t round = 1; round < 50; round++) {
        const struct cut cut = random_cut(round);
        struct blocks *blocks = blocks_of(&cut, round);
        int near[2 * PARTS_MOST], own[2 * PARTS_MOST];
        const int64_t size = records(&cut);
        for (int64_t n = 0; n < 2 * size; n++) {
            const int count = blocks_near(blocks, n / size, n % size, near);
            assert_in_range(count, 1, 2 * cut.window);
            assert_true(holds(near, count, part_of(cut.first, cut.parts, blocks_at(blocks, n / size, n % size))));
            const int64_t next = n + 1;
            blocks_near(blocks, next / size, next % size, own);
            assert_true(holds(near, count, part_of(cut.first, cut.parts, blocks_at(blocks, next / size, next % size))));
        }
        blocks_free(&blocks);
    }
}

static struct plan_source source_of(const struct cut *cut, int weight) {
    return (struct plan_source){
        .size = records(cut), .fingerprint = 7, .weight = weight, .first = cut->first, .parts = cut->parts};
}

static struct plan *plan_of(const struct plan_source *source, int count, int64_t window) {
    struct plan *plan;
    assert_int_equal(plan_new(&plan, source, count, 5, true, window), 0);
    return plan;
}

// Weights, epochs of each source and its parts at a time, in a plan of two; the smaller source is one window.
static void test_a_plan_of_two_sources_in_blocks(void **state) {
    (void)state;
    const struct cut large = {.parts = 6, .first = {0, 4, 8, 12, 16, 20, 24}}, small = {.parts = 1, .first = {0, 5}};
    const struct plan_source source[] = {source_of(&large, 3), source_of(&small, 2)};
    struct plan *plan = plan_of(source, 2, 2);
    int64_t drawn[2] = {0}, times[2][24] = {{0}};
    int near[12];
    for (int64_t n = 0; n < 5 * 40; n++) {
        const struct plan_sample sample = plan_at(plan, n);
        assert_int_equal(sample.epoch, drawn[sample.source]++ / source[sample.source].size);
        assert_int_equal(times[sample.source][sample.record]++, sample.epoch);
        const int count = plan_near(plan, sample.source, n, near);
        const struct plan_source *of = &source[sample.source];
        assert_true(holds(near, count, part_of(of->first, of->parts, sample.record)));
        if (sample.source == 0) // of each window all before the next: 8 records of 2 parts
            for (int part = 0; part < 6; part++) {
                int64_t had = 0;
                for (int r = 0; r < 4; r++) had += times[0][4 * part + r] - sample.epoch;
                if ((drawn[0] - 1) % 8 == 7) assert_true(had == 0 || had == 4);
            }
    }
    assert_int_equal(drawn[0], 120);
    plan_free(&plan);
}

static void test_windows_and_parts_make_other_plans(void **state) {
    (void)state;
    const struct cut cut = {.parts = 6, .first = {0, 4, 8, 12, 16, 20, 24}};
    const struct cut other = {.parts = 6, .first = {0, 3, 8, 12, 16, 20, 24}};
    const struct plan_source source = source_of(&cut, 1), moved = source_of(&other, 1);
    struct plan *global = plan_of(&source, 1, 0), *two = plan_of(&source, 1, 2), *three = plan_of(&source, 1, 3),
                *cut_anew = plan_of(&moved, 1, 2), *global_anew = plan_of(&moved, 1, 0);
    assert_int_not_equal(plan_fingerprint(global), plan_fingerprint(two));
    assert_int_not_equal(plan_fingerprint(two), plan_fingerprint(three));
    assert_int_not_equal(plan_fingerprint(two), plan_fingerprint(cut_anew));
    assert_int_equal(plan_fingerprint(global), plan_fingerprint(global_anew)); // how the data are cut is nothing to it
    struct plan *plans[] = {global, two, three, cut_anew, global_anew};
    for (int i = 0; i < 5; i++) plan_free(&plans[i]);
}

static void test_windows_that_do_not_fit(void **state) {
    (void)state;
    const struct cut cut = {.parts = 3, .first = {0, 1, 2, 3}};
    const struct plan_source source = source_of(&cut, 1);
    struct plan *plan;
    assert_int_equal(plan_new(&plan, &source, 1, 0, true, 4), -EXIT_USAGE);
    assert_null(plan);
    int64_t window;
    assert_int_equal(plan_shuffle("global", &window), 0);
    assert_int_equal(window, 0);
    assert_int_equal(plan_shuffle("blocks:16", &window), 0);
    assert_int_equal(window, 16);
    const char *const bad[] = {"",          "blocks",    "blocks:", "blocks:0",   "blocks:-1",
                               "blocks:1x", "blocks: 1", "Global",  "blocks:1.5", "blocks:99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (plan_shuffle(bad[i], &window) != -EXIT_USAGE) fail_msg("accepted: \"%s\"", bad[i]);
}

// A table of an epoch is made once, not for each sample.
static void test_many_parts(void **state) {
    (void)state;
    enum { PARTS = 100000, SIZE = 1000 };
    int64_t *first = malloc((PARTS + 1) * sizeof *first), sum = 0;
    for (int64_t i = 0; i <= PARTS; i++) first[i] = i * SIZE;
    const struct plan_source source = {
        .size = (int64_t)PARTS * SIZE, .fingerprint = 7, .weight = 1, .first = first, .parts = PARTS};
    struct plan *plan = plan_of(&source, 1, 100);
    for (int64_t n = 0; n < 200000; n++) sum += plan_at(plan, (n % 2 ? source.size : 0) + n).record;
    assert_in_range(sum / 200000, 1, source.size);
    plan_free(&plan);
    free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_part_of),
        cmocka_unit_test(test_blocks_are_the_order_that_lists_give),
        cmocka_unit_test(test_every_record_once_an_epoch_and_windows_apart),
        cmocka_unit_test(test_epochs_differ_and_any_order_of_asking_is_right),
        cmocka_unit_test(test_near_parts_hold_what_comes),
        cmocka_unit_test(test_a_plan_of_two_sources_in_blocks),
        cmocka_unit_test(test_windows_and_parts_make_other_plans),
        cmocka_unit_test(test_windows_that_do_not_fit),
        cmocka_unit_test(test_many_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
