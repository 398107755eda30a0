// RandAugment: each operation against torchvision and Pillow (tests/parity/make_augment.py), and what is drawn.
#include "pictures.h"

#include "image/augment.h"

static const struct augment_op *op_named(const char *name) {
    for (int i = 0; i < AUGMENT_OPS; i++) {
        if (!strcmp(augment_ops[i].name, name)) return &augment_ops[i];
    }
    fail_msg("no operation %s", name);
    return NULL;
}

static size_t bytes_of(int size) {
    return 3 * (size_t)size * (size_t)size;
}

// The caller frees it.
static uint8_t *copy_of(const void *pixels, int size) {
    return memcpy(xmalloc(bytes_of(size)), pixels, bytes_of(size));
}

// In memory of the exact size, so that the sanitizers see what is outside.
static void apply(const struct augment_op *op, uint8_t *pixels, int size, double magnitude) {
    uint8_t *scratch = memset(xmalloc(bytes_of(size)), 170, bytes_of(size));
    if (op->apply) op->apply(pixels, size, magnitude, scratch);
    free(scratch);
}

struct golden_case {
    char name[16];
    int size, level, sign;
    float magnitude;
};

static void check_case(const struct golden_case *test, const uint8_t *golden) {
    const struct augment_op *op = op_named(test->name);
    const double magnitude = augment_magnitude(op, test->level, test->size);
    struct buffer source;
    char name[32];
    snprintf(name, sizeof name, "../augment/%d.rgb", test->size);
    read_picture(&source, name);
    uint8_t *pixels = copy_of(source.bytes, test->size);
    apply(op, pixels, test->size, test->sign * magnitude);
    int most = largest_difference(pixels, golden, bytes_of(test->size));
    if (most) fail_msg("%s %d of %d is %d levels off", test->name, test->sign * test->level, test->size, most);
    if (strcmp(test->name, "Posterize"))
        assert_true((float)magnitude == test->magnitude);
    else
        assert_int_equal(lrint(magnitude), lrint(test->magnitude));
    free(pixels);
    buffer_release(&source);
}

static void test_golden(void **state) {
    (void)state;
    FILE *list = fopen("parity/augment/cases.txt", "r");
    assert_non_null(list);
    struct buffer golden;
    read_picture(&golden, "../augment/golden.rgb");
    struct golden_case test;
    size_t at = 0;
    for (; fscanf(list, "%d %15s %d %d %f", &test.size, test.name, &test.level, &test.sign, &test.magnitude) == 5;
         at += bytes_of(test.size)) {
        assert_true(at + bytes_of(test.size) <= golden.size);
        check_case(&test, (const uint8_t *)golden.bytes + at);
    }
    assert_true(feof(list) && at == golden.size && at > 100000);
    fclose(list);
    buffer_release(&golden);
}

// No size and no level reads or writes outside the picture.
static void test_bounds(void **state) {
    (void)state;
    for (int size = 1; size < 8; size++) {
        uint8_t *made = picture_make(size, size, 3), *pixels = copy_of(made, size);
        for (int level = 0; level < AUGMENT_LEVELS; level++) {
            for (const struct augment_op *op = augment_ops; op < augment_ops + AUGMENT_OPS; op++) {
                apply(op, pixels, size, augment_magnitude(op, level, size));
                if (op->either_way) apply(op, pixels, size, -augment_magnitude(op, level, size));
            }
        }
        free(pixels);
        free(made);
    }
}

// Each operation as often as the others, with either sign where there is one.
static void test_draw(void **state) {
    (void)state;
    enum { DRAWS = 14000, EXPECTED = DRAWS / AUGMENT_OPS };
    int drawn[AUGMENT_OPS] = {0}, negative[AUGMENT_OPS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct augment_draw draw = augment_draw(random_subkey(random_key(1, "augment"), i / 2), (int)(i % 2));
        drawn[draw.op - augment_ops]++;
        negative[draw.op - augment_ops] += draw.is_negative;
    }
    for (int i = 0; i < AUGMENT_OPS; i++) {
        assert_true(abs(drawn[i] - EXPECTED) < EXPECTED / 5);
        if (augment_ops[i].either_way)
            assert_true(abs(2 * negative[i] - drawn[i]) < EXPECTED / 5);
        else
            assert_int_equal(negative[i], 0);
    }
}

static void augment_slowly(uint8_t *pixels, int size, const struct augment_options *options, struct random_key key) {
    for (int layer = 0; layer < options->layers; layer++) {
        struct augment_draw draw = augment_draw(key, layer);
        double magnitude = augment_magnitude(draw.op, options->level, size);
        apply(draw.op, pixels, size, draw.is_negative ? -magnitude : magnitude);
    }
}

static void test_layers_follow_each_other(void **state) {
    (void)state;
    enum { SIZE = 21 };
    uint8_t *made = picture_make(SIZE, SIZE, 3), scratch[3 * SIZE * SIZE];
    int changed = 0;
    for (uint64_t i = 0; i < 60; i++) {
        struct augment_options options = {.layers = (int)(i % 4), .level = 20};
        struct random_key key = random_subkey(random_key(2, "augment"), i);
        uint8_t *expected = copy_of(made, SIZE), *got = copy_of(made, SIZE);
        augment_slowly(expected, SIZE, &options, key);
        image_augment(got, SIZE, &options, key, scratch);
        assert_memory_equal(got, expected, bytes_of(SIZE));
        const bool is_changed = memcmp(got, made, bytes_of(SIZE)) != 0;
        if (!options.layers) assert_false(is_changed);
        changed += is_changed;
        free(expected);
        free(got);
    }
    assert_true(changed > 35);
    free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_draw), cmocka_unit_test(test_layers_follow_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
