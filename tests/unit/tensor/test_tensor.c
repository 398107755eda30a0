#include "../base/support.h"

#include "tensor/tensor.h"

static void shapes_compare_by_rank_and_dimensions(void **state) {
    (void)state;
    assert_true(shape_equal(SHAPE(2, 3), SHAPE(2, 3)));
    assert_false(shape_equal(SHAPE(2, 3), SHAPE(3, 2)));
    assert_false(shape_equal(SHAPE(2, 3), SHAPE(2, 3, 1)));
    assert_true(shape_equal(shape_of(0, NULL), shape_of(0, NULL)));
    assert_false(shape_equal(shape_of(0, NULL), SHAPE(1)));
    struct shape junk = SHAPE(2, 3);
    junk.dim[2] = 99; // behind the rank, so of no account
    assert_true(shape_equal(junk, SHAPE(2, 3)));
}

static void a_shape_counts_its_elements_and_bytes(void **state) {
    (void)state;
    assert_int_equal(shape_count(SHAPE(2, 3, 4)), 24);
    assert_int_equal(shape_count(shape_of(0, NULL)), 1);
    assert_int_equal(shape_count(SHAPE(2, 0, 4)), 0);
    assert_int_equal(shape_bytes(SHAPE(2, 3, 4), DT_BF16), 48);
    assert_int_equal(shape_bytes(shape_of(0, NULL), DT_F64), 8);
    struct tensor tensor = {.dtype = DT_I32, .shape = SHAPE(5, 1, 1, 1, 1, 2)};
    assert_int_equal(tensor_bytes(&tensor), 40);
}

static void bytes_of_impossible_shapes_are_refused(void **state) {
    (void)state;
    assert_int_equal(shape_bytes(SHAPE(-1), DT_U8), -1);
    assert_int_equal(shape_bytes(SHAPE(0, -1), DT_U8), -1);
    assert_int_equal(shape_bytes(SHAPE(INT64_MIN), DT_U8), -1);
    assert_int_equal(shape_bytes((struct shape){.rank = -1}, DT_U8), -1);
    assert_int_equal(shape_bytes((struct shape){.rank = TENSOR_DIMS + 1}, DT_U8), -1);
    assert_int_equal(shape_bytes(SHAPE(INT64_MAX), DT_U8), INT64_MAX);
    assert_int_equal(shape_bytes(SHAPE(INT64_MAX), DT_BF16), -1);
    assert_int_equal(shape_bytes(SHAPE((int64_t)1 << 31, (int64_t)1 << 30), DT_F32), -1);
    assert_int_equal(shape_bytes(SHAPE((int64_t)1 << 31, (int64_t)1 << 29), DT_F32), (int64_t)1 << 62);
    assert_int_equal(shape_bytes(SHAPE((int64_t)1 << 32, (int64_t)1 << 32), DT_U8), -1);
}

static void an_empty_shape_has_no_bytes_but_may_not_overflow(void **state) {
    (void)state;
    assert_int_equal(shape_bytes(SHAPE(0), DT_F32), 0);
    assert_int_equal(shape_bytes(SHAPE(3, 0, INT64_MAX / 100), DT_F32), 0);
    assert_int_equal(shape_bytes(SHAPE(0, INT64_MAX, 4), DT_F32), -1);
}

static void shapes_print(void **state) {
    (void)state;
    char text[SHAPE_TEXT];
    assert_string_equal(shape_format(SHAPE(2, 3), text), "[2,3]");
    assert_string_equal(shape_format(SHAPE(7), text), "[7]");
    assert_ptr_equal(shape_format(shape_of(0, NULL), text), text);
    assert_string_equal(text, "[]");
    const int64_t low[TENSOR_DIMS] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    assert_int_equal(strlen(shape_format(shape_of(TENSOR_DIMS, low), text)), 6 * 20 + 5 + 2);
}

static void make_too_many_dimensions(void) {
    shape_of(7, (const int64_t[7]){1});
}

static void too_many_dimensions_are_a_bug(void **state) {
    (void)state;
    assert_aborts(make_too_many_dimensions, "a shape of 7 dimensions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_compare_by_rank_and_dimensions),
        cmocka_unit_test(a_shape_counts_its_elements_and_bytes),
        cmocka_unit_test(bytes_of_impossible_shapes_are_refused),
        cmocka_unit_test(an_empty_shape_has_no_bytes_but_may_not_overflow),
        cmocka_unit_test(shapes_print),
        cmocka_unit_test(too_many_dimensions_are_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
