// CLIPScore and RefCLIPScore by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "measure/clip_score.h"

#define NEAR 1e-6

// The second reference is the nearer one: cosines 0.6 to the picture, 0.8 to it.
static void test_the_best_reference_counts(void **state) {
    static const float image[] = {1, 0, 0}, caption[] = {.6f, .8f, 0}, references[] = {0, 0, 1, 0, 1, 0};
    const struct clip_scores scores = clip_scores(image, caption, references, 2, 3);
    (void)state;
    assert_true(fabs(scores.image - 1.5) < NEAR);
    assert_true(fabs(scores.reference - 2 * 1.5 * .8 / (1.5 + .8)) < NEAR);
}

static void test_what_points_away_counts_nothing(void **state) {
    static const float image[] = {-1, 0}, caption[] = {1, 0}, alike[] = {1, 0}, away[] = {-1, 0};
    (void)state;
    assert_true(clip_scores(image, caption, alike, 1, 2).image == 0);
    assert_true(clip_scores(image, caption, alike, 1, 2).reference == 0);
    assert_true(clip_scores(caption, caption, away, 1, 2).image == 2.5);
    assert_true(clip_scores(caption, caption, away, 1, 2).reference == 0);
    assert_true(clip_scores(image, caption, away, 1, 2).reference == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_reference_counts),
        cmocka_unit_test(test_what_points_away_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
