#include "../base/support.h"

#include <math.h>

#include "image/perceptual.h"

// Forty waves of up to four periods a side, a seed's own.
static struct image picture(int width, int height, uint64_t seed) {
    enum { WAVES = 40 };
    const struct random_key key = random_key(seed, "picture");
    struct image image = {width, height, xmalloc(3 * (size_t)width * (size_t)height)};
    struct wave {
        double across, down, phase;
    } wave[WAVES];
    for (uint64_t w = 0; w < WAVES; w++)
        wave[w] = (struct wave){8 * random_uniform(key, 3 * w) - 4, 8 * random_uniform(key, 3 * w + 1) - 4,
                                random_uniform(key, 3 * w + 2)};
    for (int i = 0; i < width * height; i++) {
        const double x = (i % width + 0.5) / width, y = (i / width + 0.5) / height;
        double sum = 128;
        for (int w = 0; w < WAVES; w++)
            sum += 10 * cos(2 * M_PI * (wave[w].across * x + wave[w].down * y + wave[w].phase));
        for (int c = 0; c < 3; c++) image.pixels[3 * i + c] = (uint8_t)fmin(255, fmax(0, sum - 9 * c));
    }
    return image;
}

static uint64_t hash_of(const struct image *image) {
    uint64_t hash;
    assert_true(image_perceptual_hash(&hash, image));
    return hash;
}

static int apart(uint64_t a, uint64_t b) {
    return __builtin_popcountll(a ^ b);
}

// The definition once more: in 32 x 32 there is nothing to resize, and the sums are taken as they stand.
static void test_by_its_definition(void **state) {
    (void)state;
    struct image image = {32, 32, xmalloc(32 * 32 * 3)};
    for (uint64_t i = 0; i < 32 * 32 * 3; i++) image.pixels[i] = (uint8_t)random_bits(random_key(1, "noise"), i);
    double low[64], sorted[64];
    for (int k = 0; k < 8; k++)
        for (int l = 0; l < 8; l++) {
            double sum = 0;
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 32; x++) {
                    const uint8_t *p = image.pixels + 3 * (32 * y + x);
                    const double luma = (p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16;
                    sum += luma * cos(M_PI * (2 * y + 1) * k / 64) * cos(M_PI * (2 * x + 1) * l / 64);
                }
            low[8 * k + l] = sorted[8 * k + l] = sum;
        }
    for (int i = 0; i < 64; i++)
        for (int j = i; j > 0 && sorted[j] < sorted[j - 1]; j--) {
            const double kept = sorted[j];
            sorted[j] = sorted[j - 1];
            sorted[j - 1] = kept;
        }
    uint64_t expected = 0;
    for (int i = 0; i < 64; i++) expected = expected << 1 | (low[i] > (sorted[31] + sorted[32]) / 2);
    assert_true(hash_of(&image) == expected);
    assert_int_equal(__builtin_popcountll(expected), 32);
    image_release(&image);
}

static void test_what_looks_alike_is_near_and_others_are_not(void **state) {
    (void)state;
    uint64_t hash[12];
    for (int seed = 0; seed < 12; seed++) {
        struct image large = picture(300, 200, (uint64_t)seed), small = picture(90, 60, (uint64_t)seed), again;
        char reason[IMAGE_REASON];
        void *bytes;
        size_t size;
        hash[seed] = hash_of(&large);
        assert_in_range(apart(hash[seed], hash_of(&small)), 0, 4);
        assert_int_equal(image_encode_jpeg(&bytes, &size, large.pixels, 300, 200, 60), 0);
        assert_int_equal(image_decode(&again, bytes, size, reason), 0);
        assert_in_range(apart(hash[seed], hash_of(&again)), 0, 4);
        for (int other = 0; other < seed; other++) assert_in_range(apart(hash[seed], hash[other]), 9, 64);
        free(bytes);
        image_release(&large);
        image_release(&small);
        image_release(&again);
    }
}

static void test_a_single_tone_has_none(void **state) {
    (void)state;
    struct image image = {40, 30, xmalloc(40 * 30 * 3)};
    uint64_t hash;
    for (int i = 0; i < 40 * 30 * 3; i++) image.pixels[i] = (uint8_t)(200 + i % 2);
    assert_false(image_perceptual_hash(&hash, &image));
    image_release(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_its_definition),
        cmocka_unit_test(test_what_looks_alike_is_near_and_others_are_not),
        cmocka_unit_test(test_a_single_tone_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
