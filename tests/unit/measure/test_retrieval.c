#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "measure/retrieval.h"

#define NEAR 1e-12

// Three pictures along the axes; the second has two captions.
static void test_places_by_hand(void **state) {
    (void)state;
    static const float image[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const float text[] = {
        .8f, .6f, 0,   // of image 0: first for it
        .9f, .1f, .2f, // of image 1: third for it
        0,   1,   0,   // of image 1: first for it
        .7f, .1f, .5f, // of image 2: second for it
    };
    static const int64_t owner[] = {0, 1, 1, 2};
    const struct retrieval r = {3, 4, 3, image, text, owner};
    int64_t image_rank[4], text_rank[3];
    retrieval_ranks(&r, image_rank, text_rank);
    assert_int_equal(image_rank[0], 1);
    assert_int_equal(image_rank[1], 3);
    assert_int_equal(image_rank[2], 1);
    assert_int_equal(image_rank[3], 2);
    assert_int_equal(text_rank[0], 2); // the text of image 1 with .9 stands before its own with .8
    assert_int_equal(text_rank[1], 1); // any of its two counts
    assert_int_equal(text_rank[2], 1);
    assert_float_equal(recall_at(image_rank, 4, 1), 0.5, NEAR);
    assert_float_equal(recall_at(image_rank, 4, 2), 0.75, NEAR);
    assert_float_equal(recall_at(image_rank, 4, 3), 1, NEAR);
    assert_float_equal(recall_at(text_rank, 3, 1), 2.0 / 3, NEAR);
}

// A model that says the same to everything has found nothing.
static void test_ties_and_nan_count_against_the_truth(void **state) {
    (void)state;
    static const float same[] = {1, 0, 1, 0, 1, 0};
    static const int64_t owner[] = {0, 1, 2};
    int64_t image_rank[3], text_rank[3];
    struct retrieval r = {3, 3, 2, same, same, owner};
    retrieval_ranks(&r, image_rank, text_rank);
    for (int i = 0; i < 3; i++) assert_true(image_rank[i] == 3 && text_rank[i] == 3);
    const float broken[] = {NAN, NAN, 1, 0, 0, 1};
    static const float good[] = {1, 1, 1, 0, 0, 1};
    r = (struct retrieval){3, 3, 2, broken, good, owner};
    retrieval_ranks(&r, image_rank, text_rank);
    assert_true(image_rank[0] == 3 && text_rank[0] == 3);
    assert_int_equal(image_rank[1], 2); // the broken picture stands before
}

static void test_pictures_without_captions_are_no_queries(void **state) {
    (void)state;
    static const float image[] = {1, 0, 0, 1}, text[] = {1, 0};
    static const int64_t owner[] = {0};
    const struct retrieval r = {2, 1, 2, image, text, owner};
    int64_t image_rank[1], text_rank[2];
    retrieval_ranks(&r, image_rank, text_rank);
    assert_int_equal(text_rank[0], 1);
    assert_int_equal(text_rank[1], 0);
    assert_float_equal(recall_at(text_rank, 2, 1), 1, NEAR);
    assert_float_equal(retrieval_chance_text(&r, 1), 1, NEAR);
    assert_float_equal(recall_at(text_rank + 1, 1, 1), 0, NEAR);
}

static void fill(float *values, int64_t count, const char *purpose) {
    const struct random_key key = random_key(1, purpose);
    // Few different values: many ties.
    for (int64_t i = 0; i < count; i++) values[i] = (float)random_below(key, (uint64_t)i, 3) - 1;
}

static double inner(const float *a, const float *b, int64_t E) {
    double sum = 0;
    for (int64_t e = 0; e < E; e++) sum += (double)a[e] * b[e]; // exact: small whole numbers
    return sum;
}

// The whole matrix, sorted nowhere: a place is counted from its definition.
static void check_against_definition(const struct retrieval *r, const int64_t *image_rank, const int64_t *text_rank) {
    for (int64_t t = 0; t < r->texts; t++) {
        int64_t rank = 1;
        const double own = inner(r->image + r->owner[t] * r->E, r->text + t * r->E, r->E);
        for (int64_t i = 0; i < r->images; i++)
            rank += i != r->owner[t] && inner(r->image + i * r->E, r->text + t * r->E, r->E) >= own;
        assert_int_equal(image_rank[t], rank);
    }
    for (int64_t i = 0; i < r->images; i++) {
        double best = -INFINITY;
        int64_t rank = 1;
        for (int64_t t = 0; t < r->texts; t++)
            if (r->owner[t] == i) best = fmax(best, inner(r->image + i * r->E, r->text + t * r->E, r->E));
        for (int64_t t = 0; t < r->texts; t++)
            rank += r->owner[t] != i && inner(r->image + i * r->E, r->text + t * r->E, r->E) >= best;
        assert_int_equal(text_rank[i], isinf(best) ? 0 : rank);
    }
}

static void test_blocks_agree_with_the_definition(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1}, {63, 130, 7}, {64, 64, 16}, {65, 200, 19}, {200, 50, 33}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t images = sizes[s][0], texts = sizes[s][1], E = sizes[s][2];
        float *image = xmalloc((size_t)(images * E) * 4), *text = xmalloc((size_t)(texts * E) * 4);
        int64_t *owner = xmalloc((size_t)texts * 8), *image_rank = xmalloc((size_t)texts * 8),
                *text_rank = xmalloc((size_t)images * 8);
        fill(image, images * E, "image");
        fill(text, texts * E, "text");
        for (int64_t t = 0; t < texts; t++)
            owner[t] = (int64_t)random_below(random_key(2, "owner"), (uint64_t)t, (uint64_t)images);
        const struct retrieval r = {images, texts, E, image, text, owner};
        retrieval_ranks(&r, image_rank, text_rank);
        check_against_definition(&r, image_rank, text_rank);
        free(image);
        free(text);
        free(owner);
        free(image_rank);
        free(text_rank);
    }
}

static void test_chance(void **state) {
    (void)state;
    static const int64_t owner[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4};
    const struct retrieval r = {5, 10, 0, NULL, NULL, owner};
    assert_float_equal(retrieval_chance_image(&r, 1), 0.2, NEAR);
    assert_float_equal(retrieval_chance_image(&r, 5), 1, NEAR);
    assert_float_equal(retrieval_chance_image(&r, 10), 1, NEAR);
    assert_float_equal(retrieval_chance_text(&r, 1), 0.2, NEAR);
    assert_float_equal(retrieval_chance_text(&r, 2), 1 - 8.0 / 10 * 7 / 9, NEAR);
    assert_float_equal(retrieval_chance_text(&r, 9), 1, NEAR);
    assert_float_equal(retrieval_chance_text(&r, 20), 1, NEAR);
}

static void test_median_and_mean(void **state) {
    (void)state;
    const int64_t odd[] = {9, 0, 1, 2, 0}, even[] = {4, 1, 7, 2}, none[] = {0, 0};
    assert_true(rank_median(odd, 5) == 2 && rank_mean(odd, 5) == 4);
    assert_true(rank_median(even, 4) == 3 && rank_mean(even, 4) == 3.5);
    assert_true(rank_median(none, 2) == 0 && rank_mean(none, 2) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_by_hand),
        cmocka_unit_test(test_ties_and_nan_count_against_the_truth),
        cmocka_unit_test(test_pictures_without_captions_are_no_queries),
        cmocka_unit_test(test_blocks_agree_with_the_definition),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_median_and_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
