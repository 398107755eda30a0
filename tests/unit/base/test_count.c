// Checked sums and products: exact up to the largest count, refused beyond it and for what is no count.
#include "support.h"

#include "base/count.h"

static void products_are_exact_or_refused(void **state) {
    int64_t product = -1;
    (void)state;
    assert_true(count_multiply(0, INT64_MAX, &product) && product == 0);
    assert_true(count_multiply(1, INT64_MAX, &product) && product == INT64_MAX);
    assert_true(count_multiply((int64_t)1 << 31, (int64_t)1 << 31, &product) && product == (int64_t)1 << 62);
    assert_false(count_multiply((int64_t)1 << 61, 8, &product));
    assert_false(count_multiply((int64_t)1 << 32, (int64_t)1 << 32, &product));
    assert_false(count_multiply(-1, 2, &product));
    assert_false(count_multiply(-1, -1, &product));
    assert_false(count_multiply(INT64_MIN, 0, &product));
}

static void sums_are_exact_or_refused(void **state) {
    int64_t sum = -1;
    (void)state;
    assert_true(count_add(INT64_MAX - 1, 1, &sum) && sum == INT64_MAX);
    assert_true(count_add(0, 0, &sum) && sum == 0);
    assert_false(count_add(INT64_MAX, 1, &sum));
    assert_false(count_add(5, -1, &sum));
    assert_false(count_add((int64_t)(SIZE_MAX - 1), 1, &sum));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_exact_or_refused),
        cmocka_unit_test(sums_are_exact_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
