// JPEG: every sampling, parts against the whole, the ink colours, the decoder's division.
#include "pictures.h"

static const struct jpeg_kind kinds[] = {
    {"4:4:4", 3, JCS_YCbCr, 1, 1, .restart = 0},
    {"4:2:2", 3, JCS_YCbCr, 2, 1, .restart = 0},
    {"4:2:0", 3, JCS_YCbCr, 2, 2, .restart = 0},
    {"4:4:0", 3, JCS_YCbCr, 1, 2, .restart = 0},
    {"4:1:1", 3, JCS_YCbCr, 4, 1, .restart = 0},
    {"4:1:0", 3, JCS_YCbCr, 4, 2, .restart = 0},
    {"RGB", 3, JCS_RGB, 1, 1, .restart = 0},
    {"grey", 1, JCS_GRAYSCALE, 1, 1, .restart = 0},
    {"CMYK", 4, JCS_CMYK, 1, 1, .restart = 0},
    {"YCCK 4:2:0", 4, JCS_YCCK, 2, 2, .restart = 0},
    {"progressive 4:2:0", 3, JCS_YCbCr, 2, 2, .progressive = true},
    {"arithmetic 4:2:0", 3, JCS_YCbCr, 2, 2, .arithmetic = true},
    {"restarts 4:2:0", 3, JCS_YCbCr, 2, 2, .restart = 3},
};
enum { KINDS = sizeof kinds / sizeof *kinds, WIDTH = 83, HEIGHT = 71 };

static void check_part(const struct image *whole, int left, int top, int width, int height, const void *bytes,
                       size_t size, const char *name) {
    struct image_box box = {left, top, width, height};
    struct image part;
    char reason[IMAGE_REASON];
    assert_int_equal(image_decode_box(&part, &box, 100, bytes, size, reason), 0);
    assert_true(box.left == 0 && box.top == 0 && box.width == width && box.height == height);
    assert_int_equal(part.width, width);
    assert_int_equal(part.height, height);
    for (int y = 0; y < height; y++) {
        const uint8_t *expected = whole->pixels + 3 * ((size_t)(top + y) * WIDTH + (size_t)left);
        if (memcmp(part.pixels + 3 * (size_t)y * (size_t)width, expected, 3 * (size_t)width))
            fail_msg("%s: row %d of the part %dx%d at (%d, %d) differs from the whole", name, y, width, height, left,
                     top);
    }
    image_release(&part);
}

static void test_parts(void **state) {
    (void)state;
    struct random_key key = random_key(4, "parts");
    uint64_t counter = 0;
    for (int k = 0; k < KINDS; k++) {
        unsigned char *bytes;
        unsigned long size;
        struct image whole;
        char reason[IMAGE_REASON];
        jpeg_make(&bytes, &size, &kinds[k], WIDTH, HEIGHT);
        assert_int_equal(image_decode(&whole, bytes, size, reason), 0);
        for (int i = 0; i < 150; i++) {
            int width = 1 + (int)random_below(key, counter++, WIDTH),
                height = 1 + (int)random_below(key, counter++, HEIGHT);
            int left = (int)random_below(key, counter++, (uint64_t)(WIDTH - width + 1));
            int top = (int)random_below(key, counter++, (uint64_t)(HEIGHT - height + 1));
            check_part(&whole, left, top, width, height, bytes, size, kinds[k].name);
        }
        image_release(&whole);
        free(bytes);
    }
}

// 255 is no ink, as Adobe has it; YCCK is the same picture stored otherwise.
static void test_ink(void **state) {
    (void)state;
    uint8_t *ink = picture_make(WIDTH, HEIGHT, 4);
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].channels != 4) continue;
        unsigned char *bytes;
        unsigned long size;
        struct image image;
        char reason[IMAGE_REASON];
        struct jpeg_kind fine = kinds[k];
        fine.h = fine.v = 1;
        jpeg_make(&bytes, &size, &fine, WIDTH, HEIGHT);
        assert_int_equal(image_decode(&image, bytes, size, reason), 0);
        double off = 0;
        for (int i = 0; i < WIDTH * HEIGHT; i++) {
            for (int c = 0; c < 3; c++) off += abs(image.pixels[3 * i + c] - ink[4 * i + c] * ink[4 * i + 3] / 255);
        }
        assert_true(off / (3 * WIDTH * HEIGHT) < 4);
        image_release(&image);
        free(bytes);
    }
    free(ink);
}

// Where the box shrinks enough the decoder halves the sides; the box moves with it and the resized picture stays.
static void test_division(void **state) {
    (void)state;
    enum { W = 803, H = 607, TO = 61 };
    const struct jpeg_kind kind = {"4:2:0", 3, JCS_YCbCr, 2, 2, .restart = 0};
    unsigned char *bytes;
    unsigned long size;
    char reason[IMAGE_REASON];
    struct image whole, part;
    struct image_box box = {101, 33, 600, 501}, moved = box;
    static uint8_t exact[3 * TO * TO], fast[3 * TO * TO];
    jpeg_make(&bytes, &size, &kind, W, H);
    assert_int_equal(image_decode(&whole, bytes, size, reason), 0);
    assert_int_equal(image_decode_box(&part, &moved, TO, bytes, size, reason), 0);
    assert_true(part.width <= 152 && part.height <= 127 && moved.width == 150 && moved.height == 125.25);
    image_resize(exact, TO, TO, &whole, box);
    image_resize(fast, TO, TO, &part, moved);
    double off = 0;
    for (size_t i = 0; i < sizeof exact; i++) off += abs(exact[i] - fast[i]);
    assert_true(off / sizeof exact < 1);
    image_release(&whole);
    image_release(&part);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_ink),
                                       cmocka_unit_test(test_division)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
