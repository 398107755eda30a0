#include "../base/support.h"

#include <math.h>

#include "tensor/dtype.h"

static void every_type_has_a_size_and_names(void **state) {
    (void)state;
    const struct {
        enum dtype type;
        size_t size;
        const char *name, *safetensors, *numpy;
    } table[] = {
        {DT_U8, 1, "u8", "U8", "|u1"},      {DT_I32, 4, "i32", "I32", "<i4"}, {DT_I64, 8, "i64", "I64", "<i8"},
        {DT_F32, 4, "f32", "F32", "<f4"},   {DT_F16, 2, "f16", "F16", "<f2"}, {DT_F64, 8, "f64", "F64", "<f8"},
        {DT_BF16, 2, "bf16", "BF16", NULL},
    };
    assert_int_equal(sizeof table / sizeof *table, DTYPE_COUNT);
    for (int i = 0; i < DTYPE_COUNT; i++) {
        assert_int_equal(dtype_size(table[i].type), table[i].size);
        const char *const spelling[] = {table[i].name, table[i].safetensors, table[i].numpy};
        const char *const said[] = {dtype_name(table[i].type), dtype_safetensors(table[i].type),
                                    dtype_numpy(table[i].type)};
        for (int j = 0; j < 3; j++) {
            enum dtype type = DTYPE_COUNT;
            if (!spelling[j]) {
                assert_null(said[j]);
                continue;
            }
            assert_string_equal(said[j], spelling[j]);
            assert_int_equal(dtype_from_name(spelling[j], &type), 0);
            assert_int_equal(type, table[i].type);
        }
    }
}

static void other_names_are_refused(void **state) {
    (void)state;
    const char *const names[] = {"", "f", "f3", "f321", "F8_E4M3", "BOOL", "u16", ">f4", "<F4", "Bf16", " f32"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum dtype type = DTYPE_COUNT;
        assert_int_equal(dtype_from_name(names[i], &type), -1);
        assert_int_equal(type, DTYPE_COUNT);
    }
}

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void bf16_is_the_upper_half_of_f32(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 1 << 16; bits++) {
        float value = bf16_to_f32((uint16_t)bits);
        assert_int_equal(to_bits(value), bits << 16);
        if (isnan(value))
            assert_true(isnan(bf16_to_f32(f32_to_bf16(value))));
        else
            assert_int_equal(f32_to_bf16(value), bits);
    }
}

// Between neighbours a and a + 1 the lower half goes down, the upper half up, and the middle to the even one.
static void f32_rounds_to_the_nearest_bf16(void **state) {
    (void)state;
    for (uint32_t high = 0; high < 1 << 16; high++) {
        if ((high & 0x7f80) == 0x7f80) continue; // infinities and NaN
        assert_int_equal(f32_to_bf16(from_bits(high << 16 | 1)), high);
        assert_int_equal(f32_to_bf16(from_bits(high << 16 | 0x7fff)), high);
        assert_int_equal(f32_to_bf16(from_bits(high << 16 | 0x8000)), high + (high & 1));
        assert_int_equal(f32_to_bf16(from_bits(high << 16 | 0x8001)), high + 1);
        assert_int_equal(f32_to_bf16(from_bits(high << 16 | 0xffff)), high + 1);
    }
}

static void a_nan_stays_a_nan(void **state) {
    (void)state;
    const uint32_t nans[] = {0x7f800001, 0x7f80ffff, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff};
    for (int i = 0; i < 6; i++) {
        uint16_t bf16 = f32_to_bf16(from_bits(nans[i])), f16 = f32_to_f16(from_bits(nans[i]));
        assert_true(isnan(bf16_to_f32(bf16)) && isnan(f16_to_f32(f16)));
        assert_int_equal(bf16 >> 15, nans[i] >> 31);
        assert_int_equal(f16 >> 15, nans[i] >> 31);
    }
}

// IEEE 754 binary16 by its definition.
static double half_value(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31) size = fraction ? NAN : INFINITY;
    return bits >> 15 ? -size : size;
}

static void every_f16_widens_and_comes_back(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 1 << 16; bits++) {
        float value = f16_to_f32((uint16_t)bits);
        double want = half_value((uint16_t)bits);
        if (isnan(want)) {
            assert_true(isnan(value));
            continue;
        }
        assert_true((double)value == want);
        assert_int_equal(to_bits(value) >> 31, bits >> 15);
        assert_int_equal(f32_to_f16(value), bits);
    }
}

static void f32_rounds_to_the_nearest_f16(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) { // from zero up to the last but one finite
        float low = f16_to_f32((uint16_t)bits), high = f16_to_f32((uint16_t)(bits + 1));
        float middle = (low + high) / 2; // exact in f32
        for (uint16_t sign = 0; sign < 2; sign++) {
            float way = sign ? -1 : 1;
            uint16_t mark = (uint16_t)(sign << 15);
            assert_int_equal(f32_to_f16(way * middle), mark | (bits + (bits & 1)));
            assert_int_equal(f32_to_f16(way * nextafterf(middle, 0)), mark | bits);
            assert_int_equal(f32_to_f16(way * nextafterf(middle, INFINITY)), mark | (bits + 1));
        }
    }
}

static void the_ends_of_the_f16_range(void **state) {
    (void)state;
    assert_int_equal(f32_to_f16(65504), 0x7bff);
    assert_int_equal(f32_to_f16(nextafterf(65520, 0)), 0x7bff);
    assert_int_equal(f32_to_f16(65520), 0x7c00);
    assert_int_equal(f32_to_f16(1e9f), 0x7c00);
    assert_int_equal(f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(f32_to_f16(0x1p-25f), 0);
    assert_int_equal(f32_to_f16(nextafterf(0x1p-25f, 1)), 1);
    assert_int_equal(f32_to_f16(-0x1p-149f), 0x8000);
}

static const enum dtype floating[] = {DT_F32, DT_BF16, DT_F16, DT_F64};

static double element(const void *data, enum dtype type, size_t i) {
    switch (type) {
    case DT_F32: return ((const float *)data)[i];
    case DT_F64: return ((const double *)data)[i];
    case DT_BF16: return bf16_to_f32(((const uint16_t *)data)[i]);
    default: return f16_to_f32(((const uint16_t *)data)[i]);
    }
}

// Small multiples of 1/8 are exact in every type.
static void every_pair_of_floating_types_converts(void **state) {
    (void)state;
    const size_t counts[] = {0, 1, 3, 7, 8, 9, 255, 256, 257, 1000};
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                size_t count = counts[c];
                double *exact = xmalloc(count * sizeof *exact);
                for (size_t i = 0; i < count; i++) exact[i] = (double)(i % 251) / 8 - 15;
                char *from = xmalloc(count * dtype_size(floating[a])), *to = xmalloc(count * dtype_size(floating[b]));
                dtype_convert(from, floating[a], exact, DT_F64, count);
                dtype_convert(to, floating[b], from, floating[a], count);
                for (size_t i = 0; i < count; i++) assert_true(element(to, floating[b], i) == exact[i]);
                free(exact), free(from), free(to);
            }
}

static void arrays_round_as_single_values_do(void **state) {
    (void)state;
    enum { COUNT = 4099 };
    static float from[COUNT];
    static uint16_t bf16[COUNT], f16[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) from[i] = from_bits(i * 2654435761u);
    dtype_convert(bf16, DT_BF16, from, DT_F32, COUNT);
    dtype_convert(f16, DT_F16, from, DT_F32, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(bf16[i], f32_to_bf16(from[i]));
        assert_int_equal(f16[i], f32_to_f16(from[i]));
    }
}

static void equal_types_copy_bit_by_bit(void **state) {
    (void)state;
    for (int type = 0; type < DTYPE_COUNT; type++) {
        unsigned char from[80], to[80] = {0};
        for (int i = 0; i < 80; i++) from[i] = (unsigned char)(255 - i);
        dtype_convert(to, (enum dtype)type, from, (enum dtype)type, 80 / dtype_size((enum dtype)type));
        assert_memory_equal(to, from, sizeof to);
        dtype_convert(NULL, (enum dtype)type, NULL, (enum dtype)type, 0);
    }
}

static void convert_integer_to_float(void) {
    float to;
    dtype_convert(&to, DT_F32, &(int32_t){1}, DT_I32, 1);
}

static void convert_float_to_integer(void) {
    int64_t to;
    dtype_convert(&to, DT_I64, &(float){1}, DT_F32, 1);
}

static void convert_byte_to_bf16(void) {
    uint16_t to;
    dtype_convert(&to, DT_BF16, "x", DT_U8, 1);
}

static void integers_convert_to_nothing_else(void **state) {
    (void)state;
    assert_aborts(convert_integer_to_float, "no conversion from i32");
    assert_aborts(convert_float_to_integer, "no conversion to i64");
    assert_aborts(convert_byte_to_bf16, "no conversion from u8");
}

// At every place, also those behind a block and behind what fills a vector; one below the exponent of ones is a number.
static void what_is_not_finite_is_found_anywhere(void **state) {
    (void)state;
    enum { COUNT = 4096 + 37 };
    static uint64_t bits[COUNT];
    static const struct {
        enum dtype type;
        uint64_t odd[3], largest; // infinity, its negative, NaN
    } row[] = {{DT_F32, {0x7f800000, 0xff800000, 0x7fc00000}, 0xff7fffff},
               {DT_BF16, {0x7f80, 0xff80, 0x7f81}, 0xff7f},
               {DT_F16, {0x7c00, 0xfc00, 0x7c01}, 0xfbff},
               {DT_F64,
                {UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000), UINT64_C(0x7ff0000000000001)},
                UINT64_C(0xffefffffffffffff)}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        size_t size = dtype_size(row[i].type);
        memset(bits, 0, sizeof bits);
        for (size_t at = 0; at < COUNT; at += at % 16 ? 1 : 61) {
            char *element = (char *)bits + at * size;
            memcpy(element, &row[i].largest, size);
            assert_true(dtype_finite(row[i].type, bits, COUNT));
            memcpy(element, &row[i].odd[at % 3], size);
            assert_false(dtype_finite(row[i].type, bits, COUNT));
            assert_true(dtype_finite(row[i].type, bits, at));
            memset(element, 0, size);
        }
    }
    memset(bits, 0xff, sizeof bits);
    assert_true(dtype_finite(DT_I64, bits, COUNT) && dtype_finite(DT_F32, bits, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_size_and_names),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(bf16_is_the_upper_half_of_f32),
        cmocka_unit_test(f32_rounds_to_the_nearest_bf16),
        cmocka_unit_test(a_nan_stays_a_nan),
        cmocka_unit_test(every_f16_widens_and_comes_back),
        cmocka_unit_test(f32_rounds_to_the_nearest_f16),
        cmocka_unit_test(the_ends_of_the_f16_range),
        cmocka_unit_test(every_pair_of_floating_types_converts),
        cmocka_unit_test(arrays_round_as_single_values_do),
        cmocka_unit_test(equal_types_copy_bit_by_bit),
        cmocka_unit_test(integers_convert_to_nothing_else),
        cmocka_unit_test(what_is_not_finite_is_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
