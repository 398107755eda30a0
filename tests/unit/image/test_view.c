// Views: where the crops lie, and that a view is decode, crop and resize.
#include "pictures.h"

#include "image/view.h"

static const struct view_options usual = {.kind = VIEW_RANDOM_CROP,
                                          .size = 48,
                                          .scale_low = 0.9,
                                          .scale_high = 1.0,
                                          .ratio_low = 3.0 / 4,
                                          .ratio_high = 4.0 / 3};

static void test_crop_range(void **state) {
    (void)state;
    struct view_options options = usual;
    options.scale_low = 0.2;
    double area_sum = 0, log_ratio_sum = 0;
    enum { DRAWS = 4000, W = 500, H = 500 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct rect crop = view_random_crop(&options, random_subkey(random_key(1, "crop"), i), W, H);
        assert_true(crop.left >= 0 && crop.top >= 0 && crop.left + crop.width <= W && crop.top + crop.height <= H);
        double area = (double)crop.width * crop.height / (W * H), ratio = (double)crop.width / crop.height;
        assert_true(area > 0.19 && area < 1.01 && ratio > 0.74 && ratio < 1.35);
        area_sum += area;
        log_ratio_sum += log(ratio);
    }
    // Large areas fit at few ratios only, so they are drawn less often than uniformly, which would give 0.6.
    assert_true(area_sum / DRAWS > 0.53 && area_sum / DRAWS < 0.6);
    assert_true(fabs(log_ratio_sum / DRAWS) < 0.02);
}

static void test_crop_reaches_everywhere(void **state) {
    (void)state;
    struct view_options options = usual;
    options.scale_low = options.scale_high = 0.25;
    bool left[3] = {false}, top[3] = {false};
    for (uint64_t i = 0; i < 400; i++) {
        struct rect crop = view_random_crop(&options, random_subkey(random_key(2, "crop"), i), 8, 8);
        if (crop.left < 3) left[crop.left] = true;
        if (crop.top + crop.height > 5) top[crop.top + crop.height - 6] = true;
    }
    for (int i = 0; i < 3; i++) assert_true(left[i] && top[i]);
}

static void check_rect(struct rect got, int left, int top, int width, int height) {
    assert_true(got.left == left && got.top == top && got.width == width && got.height == height);
}

// Where no try fits: the largest centred rectangle of an allowed ratio.
static void test_crop_fallback(void **state) {
    (void)state;
    struct random_key key = random_key(3, "crop");
    check_rect(view_random_crop(&usual, key, 1000, 10), 493, 0, 13, 10);
    check_rect(view_random_crop(&usual, key, 10, 1000), 0, 493, 10, 13);
    check_rect(view_random_crop(&usual, key, 1, 1), 0, 0, 1, 1);
    struct view_options broad = usual;
    broad.ratio_low = 3;
    broad.ratio_high = 4;
    check_rect(view_random_crop(&broad, key, 1, 1), 0, 0, 1, 1);
}

static void test_crop_follows_key(void **state) {
    (void)state;
    struct rect a = view_random_crop(&usual, random_key(4, "crop"), 640, 480);
    struct rect b = view_random_crop(&usual, random_key(4, "crop"), 640, 480);
    struct rect c = view_random_crop(&usual, random_key(5, "crop"), 640, 480);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
}

// out [48,48,3] the long way: the crop as a picture of its own, resized, mirrored by hand.
static void view_slowly(uint8_t *out, const struct view_options *options, struct random_key key,
                        const struct image *whole) {
    struct rect crop = view_random_crop(options, key, whole->width, whole->height);
    struct image part = {crop.width, crop.height, xmalloc(3 * (size_t)crop.width * (size_t)crop.height)};
    for (int y = 0; y < crop.height; y++)
        memcpy(part.pixels + 3 * (size_t)y * (size_t)crop.width,
               whole->pixels + 3 * ((size_t)(crop.top + y) * (size_t)whole->width + (size_t)crop.left),
               3 * (size_t)crop.width);
    uint8_t resized[3 * 48 * 48];
    image_resize(resized, 48, 48, &part, (struct image_box){0, 0, crop.width, crop.height});
    bool flipped = view_is_flipped(options, key);
    for (int i = 0; i < 48 * 48; i++) memcpy(out + 3 * i, resized + 3 * (flipped ? i / 48 * 48 + 47 - i % 48 : i), 3);
    image_release(&part);
}

static void check_views(const char *name) {
    struct buffer file;
    struct image whole;
    char reason[IMAGE_REASON];
    struct view_options options = usual;
    options.scale_low = 0.3;
    options.flip = 0.5;
    read_picture(&file, name);
    assert_int_equal(image_decode(&whole, file.bytes, file.size, reason), 0);
    int flips = 0;
    for (uint64_t i = 0; i < 40; i++) {
        struct random_key key = random_subkey(random_key(6, name), i);
        uint8_t expected[3 * 48 * 48], got[3 * 48 * 48];
        view_slowly(expected, &options, key, &whole);
        assert_int_equal(image_view(got, &options, key, file.bytes, file.size, reason), 0);
        if (memcmp(got, expected, sizeof got)) fail_msg("view %d of %s differs", (int)i, name);
        flips += view_is_flipped(&options, key);
    }
    assert_true(flips > 5 && flips < 35);
    image_release(&whole);
    buffer_release(&file);
}

static void test_view(void **state) {
    (void)state;
    static const char *const names[] = {"420.jpg",           "progressive.jpg",  "cmyk.jpg",   "orientation2.jpg",
                                        "orientation3.jpg",  "orientation5.jpg", "exif.png",   "rgba-interlaced.png",
                                        "palette-alpha.png", "orientation7.jpg", "alpha.webp", "exif.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_views(names[i]);
}

static void test_squash(void **state) {
    (void)state;
    struct buffer file;
    struct image whole;
    char reason[IMAGE_REASON];
    uint8_t expected[3 * 31 * 31], got[3 * 31 * 31];
    struct view_options options = {.kind = VIEW_SQUASH, .size = 31};
    read_picture(&file, "scene.png");
    assert_int_equal(image_decode(&whole, file.bytes, file.size, reason), 0);
    image_resize(expected, 31, 31, &whole, (struct image_box){0, 0, whole.width, whole.height});
    assert_int_equal(image_view(got, &options, random_key(1, "squash"), file.bytes, file.size, reason), 0);
    assert_memory_equal(got, expected, sizeof got);
    image_release(&whole);
    buffer_release(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crop_range),    cmocka_unit_test(test_crop_reaches_everywhere),
        cmocka_unit_test(test_crop_fallback), cmocka_unit_test(test_crop_follows_key),
        cmocka_unit_test(test_view),          cmocka_unit_test(test_squash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
