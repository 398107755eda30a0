#include "support.h"

#include <math.h>

#include "base/random.h"

// Philox-4x32-10 over the block (counter, 0, 0). The first is Random123's known answer for zeros; the others are from
// an implementation in Python that gives all three known answers of Random123.
static const struct {
    uint64_t key, counter, bits;
} vectors[] = {
    {0, 0, 0xe169c58d6627e8d5},
    {0, 1, 0x5cb200dbf8e4cca4},
    {UINT64_MAX, UINT64_MAX, 0x430ac65a4d18d7d2},
    {0x299f31d0a4093822, 0x85a308d3243f6a88, 0xb5a3d762e69c9c31},
    {1, (uint64_t)1 << 32, 0x225c963c833ff8dc},
    {(uint64_t)1 << 32, 0, 0xfa7e58b6fdde3e0b},
};

static void bits_are_philox(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(random_bits((struct random_key){vectors[i].key}, vectors[i].counter), vectors[i].bits);
}

// From the whole block 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
static void reals_come_from_the_known_block(void **state) {
    (void)state;
    struct random_key zero = {0};
    assert_true(random_uniform(zero, 0) == 0.8805201978886142);
    assert_true(fabs(random_normal(zero, 0) - -1.62496344087104) < 1e-12);
}

static void keys_differ_by_seed_purpose_and_index(void **state) {
    (void)state;
    struct random_key key = random_key(1, "crop");
    assert_int_equal(key.value, random_key(1, "crop").value);
    assert_int_not_equal(key.value, random_key(2, "crop").value);
    assert_int_not_equal(key.value, random_key(1, "flip").value);
    assert_int_equal(random_subkey(key, 7).value, random_subkey(key, 7).value);
    assert_int_not_equal(random_subkey(key, 7).value, random_subkey(key, 8).value);
    assert_int_not_equal(random_subkey(key, 0).value, key.value);
}

#define DRAWS 200000

static void uniform_draws_fill_the_unit_interval(void **state) {
    (void)state;
    struct random_key key = random_key(3, "uniform");
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double draw = random_uniform(key, i);
        assert_true(draw >= 0 && draw < 1);
        sum += draw;
        squares += draw * draw;
    }
    // Five standard errors: sqrt(1/12/DRAWS) and sqrt(4/45/DRAWS).
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * 0.00065);
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 5 * 0.00067);
}

static void normal_draws_have_the_normal_moments(void **state) {
    (void)state;
    struct random_key key = random_key(3, "normal");
    double moment[5] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double draw = random_normal(key, i), power = 1;
        assert_true(isfinite(draw));
        for (int n = 1; n < 5; n++) moment[n] += power *= draw;
    }
    // Standard errors of the first four moments: sqrt(1, 2, 15, 96 over DRAWS).
    const double want[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
    for (int n = 1; n < 5; n++) assert_true(fabs(moment[n] / DRAWS - want[n]) < 5 * sqrt(variance[n] / DRAWS));
}

static void bounded_draws_are_even(void **state) {
    (void)state;
    struct random_key key = random_key(9, "below");
    int count[7] = {0};
    for (uint64_t i = 0; i < 70000; i++) {
        uint64_t draw = random_below(key, i, 7);
        assert_true(draw < 7);
        count[draw]++;
    }
    for (int i = 0; i < 7; i++) assert_true(abs(count[i] - 10000) < 500); // deviation 93
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(random_below(key, i, 1), 0);
        assert_true(random_below(key, i, UINT64_MAX) < UINT64_MAX);
    }
}

static void assert_bijection(struct random_key key, uint64_t size) {
    unsigned char *seen = xcalloc(size, 1);
    for (uint64_t k = 0; k < size; k++) {
        uint64_t element = random_permute(key, size, k);
        assert_true(element < size);
        assert_false(seen[element]);
        seen[element] = 1;
    }
    free(seen);
}

static void a_permutation_is_a_bijection(void **state) {
    (void)state;
    struct random_key key = random_key(5, "epoch");
    for (uint64_t size = 1; size <= 300; size++) assert_bijection(random_subkey(key, size), size);
    const uint64_t sizes[] = {509, 1021, 1023, 1024, 1025, 4096, 4097, 7919, 60000, 65537, 104729};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) assert_bijection(key, sizes[i]);
}

static void permutations_of_few_elements_all_occur(void **state) {
    (void)state;
    int count[24] = {0};
    for (uint64_t seed = 0; seed < 24000; seed++) {
        struct random_key key = random_key(seed, "small");
        uint64_t a = random_permute(key, 4, 0), b = random_permute(key, 4, 1), c = random_permute(key, 4, 2);
        // Lehmer code: how many of the elements left are smaller.
        uint64_t second = b - (b > a), third = c - (c > a) - (c > b);
        count[a * 6 + second * 2 + third]++;
    }
    for (int i = 0; i < 24; i++) assert_true(count[i] > 0);
}

static void a_permutation_moves_elements_far(void **state) {
    (void)state;
    struct random_key key = random_key(5, "far");
    const uint64_t size = 10007;
    int fixed = 0, neighbours = 0;
    for (uint64_t k = 0; k + 1 < size; k++) {
        uint64_t here = random_permute(key, size, k), next = random_permute(key, size, k + 1);
        fixed += here == k;
        neighbours += next == here + 1;
    }
    assert_true(fixed < 12); // one of each expected, Poisson
    assert_true(neighbours < 12);
}

static void a_permutation_of_many_elements_is_quick(void **state) {
    (void)state;
    struct random_key key = random_key(5, "many");
    const uint64_t size = ((uint64_t)1 << 62) - 1;
    for (uint64_t k = 0; k < 1000; k++) assert_true(random_permute(key, size, size - 1 - k) < size);
    assert_int_not_equal(random_permute(key, size, 0), random_permute(random_key(6, "many"), size, 0));
}

static void permute_outside(void) {
    random_permute((struct random_key){0}, 5, 5);
}

static void permute_nothing(void) {
    random_permute((struct random_key){0}, 0, 0);
}

static void permute_too_many(void) {
    random_permute((struct random_key){0}, UINT64_MAX, 0);
}

static void an_element_outside_is_a_bug(void **state) {
    (void)state;
    assert_aborts(permute_outside, "element 5 of a permutation of 5");
    assert_aborts(permute_nothing, "element 0 of a permutation of 0");
    assert_aborts(permute_too_many, "a permutation of 18446744073709551615");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_philox),
        cmocka_unit_test(reals_come_from_the_known_block),
        cmocka_unit_test(keys_differ_by_seed_purpose_and_index),
        cmocka_unit_test(uniform_draws_fill_the_unit_interval),
        cmocka_unit_test(normal_draws_have_the_normal_moments),
        cmocka_unit_test(bounded_draws_are_even),
        cmocka_unit_test(a_permutation_is_a_bijection),
        cmocka_unit_test(permutations_of_few_elements_all_occur),
        cmocka_unit_test(a_permutation_moves_elements_far),
        cmocka_unit_test(a_permutation_of_many_elements_is_quick),
        cmocka_unit_test(an_element_outside_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
