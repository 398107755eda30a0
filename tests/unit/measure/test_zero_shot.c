#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "measure/zero_shot.h"

// A long prompt weighs no more than a short one; a class without any direction is no class.
static void test_classes_are_means_of_directions(void **state) {
    (void)state;
    static const float prompts[] = {10, 0, 0,  .1f, // class 0: two axes
                                    0,  3, 0,  4,   // class 1: twice (0, 1)
                                    1,  0, -1, 0,   // class 2: opposites
                                    -2, 0};         // class 3: one prompt
    static const int64_t K[] = {2, 2, 2, 1};
    float classes[8];
    zero_shot_classes(classes, prompts, K, 4, 2);
    assert_float_equal(classes[6], -1, 1e-6);
    assert_float_equal(classes[7], 0, 0);
    assert_float_equal(classes[0], sqrt(0.5), 1e-6);
    assert_float_equal(classes[1], sqrt(0.5), 1e-6);
    assert_float_equal(classes[2], 0, 0);
    assert_float_equal(classes[3], 1, 1e-6);
    assert_float_equal(classes[4], 0, 0);
    assert_float_equal(classes[5], 0, 0);
}

static void test_rank(void **state) {
    (void)state;
    static const float classes[] = {1, 0, 0, 1, .6f, .8f, .6f, .8f};
    static const float image[] = {.9f, .1f};
    assert_int_equal(zero_shot_rank(image, classes, 4, 2, 0), 1);
    assert_int_equal(zero_shot_rank(image, classes, 4, 2, 1), 4);
    assert_int_equal(zero_shot_rank(image, classes, 4, 2, 2), 3); // behind the first, and behind its equal
    assert_int_equal(zero_shot_rank(image, classes, 4, 2, 3), 3);
    assert_int_equal(zero_shot_rank((float[]){NAN, 0}, classes, 4, 2, 0), 4);
    assert_int_equal(zero_shot_rank((float[]){0, 0}, classes, 4, 2, 0), 4);
}

static void test_accuracy(void **state) {
    (void)state;
    struct accuracy accuracy = accuracy_new(8);
    assert_float_equal(accuracy_mean_per_class(&accuracy), 0, 0);
    static const int64_t seen[][2] = {{0, 1}, {0, 1}, {0, 2}, {0, 6}, {3, 1}, {7, 5}}; // class and rank
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) accuracy_add(&accuracy, seen[i][0], seen[i][1]);
    assert_int_equal(accuracy.images, 6);
    assert_int_equal(accuracy.top1, 3);
    assert_int_equal(accuracy.top5, 5);
    assert_float_equal(accuracy_mean_per_class(&accuracy), (0.5 + 1 + 0) / 3, 1e-12);
    accuracy_release(&accuracy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_are_means_of_directions),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_accuracy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
