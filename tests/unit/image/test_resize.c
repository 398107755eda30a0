// The versions of a resize against plain C, bit for bit.
#include "pictures.h"

#include "image/resize.h"

// Feeds the part `batch` rows at a time.
static void run(uint8_t *out, const uint8_t *pixels, int width, const struct resize_map *map,
                const struct resize_kernels *kernels, int batch) {
    struct resizer resizer;
    resizer_begin(&resizer, out, map, kernels);
    struct row_sink sink = resizer_sink(&resizer);
    size_t stride = 3 * (size_t)width;
    const struct rect *part = &resizer.part;
    // Copied to a block of its own size, so that a sanitizer sees reads outside the part.
    for (int done = 0; done < part->height; done += batch) {
        int count = part->height - done < batch ? part->height - done : batch;
        size_t row = 3 * (size_t)part->width;
        uint8_t *rows = xmalloc((size_t)count * row);
        for (int i = 0; i < count; i++)
            memcpy(rows + (size_t)i * row, pixels + (size_t)(part->top + done + i) * stride + 3 * (size_t)part->left,
                   row);
        sink.rows(sink.context, rows, row, count);
        free(rows);
    }
    assert_int_equal(resizer.made, map->window.height);
    resizer_end(&resizer);
}

static int draw(struct random_key key, uint64_t *counter, int low, int high) {
    return low + (int)random_below(key, (*counter)++, (uint64_t)(high - low + 1));
}

static struct rect draw_rect(struct random_key key, uint64_t *counter, int width, int height) {
    struct rect rect = {.width = draw(key, counter, 1, width), .height = draw(key, counter, 1, height)};
    rect.left = draw(key, counter, 0, width - rect.width);
    rect.top = draw(key, counter, 0, height - rect.height);
    return rect;
}

static struct resize_map draw_map(struct random_key key, uint64_t *counter, int width, int height) {
    struct resize_map map = {.clip = draw_rect(key, counter, width, height)};
    double left = random_uniform(key, (*counter)++) * 0.9, top = random_uniform(key, (*counter)++) * 0.9;
    map.box = (struct image_box){map.clip.left + left, map.clip.top + top,
                                 (map.clip.width - left) * (1 - 0.3 * random_uniform(key, (*counter)++)),
                                 (map.clip.height - top) * (1 - 0.3 * random_uniform(key, (*counter)++))};
    map.width = draw(key, counter, 1, 90);
    map.height = draw(key, counter, 1, 90);
    map.filter = (enum image_filter)draw(key, counter, FILTER_BICUBIC, FILTER_BILINEAR);
    map.window = draw_rect(key, counter, map.width, map.height);
    return map;
}

static uint8_t *noise(struct random_key key, size_t size) {
    uint8_t *bytes = xmalloc(size);
    // Mostly black and white, which overshoots furthest.
    for (size_t i = 0; i < size; i++) {
        uint64_t bits = random_bits(key, i);
        bytes[i] = bits & 1 ? (uint8_t)(bits >> 8) : bits & 2 ? 255 : 0;
    }
    return bytes;
}

static void test_versions_agree(void **state) {
    (void)state;
    struct random_key key = random_key(1, "resize");
    uint64_t counter = 0;
    int compared = 0;
    for (int i = 0; i < 300; i++) {
        int width = draw(key, &counter, 1, 150), height = draw(key, &counter, 1, 150);
        uint8_t *pixels = noise(random_subkey(key, (uint64_t)i), 3 * (size_t)width * (size_t)height);
        struct resize_map map = draw_map(key, &counter, width, height);
        size_t size = 3 * (size_t)map.window.width * (size_t)map.window.height;
        uint8_t *expected = xmalloc(size), *got = xmalloc(size);
        run(expected, pixels, width, &map, &resize_plain, height);
        for (const struct resize_kernels *const *version = resize_versions; *version; version++) {
            if (!(*version)->usable()) continue;
            run(got, pixels, width, &map, *version, draw(key, &counter, 1, 9));
            if (memcmp(got, expected, size)) fail_msg("%s differs from plain C in case %d", (*version)->name, i);
            compared++;
        }
        free(expected);
        free(got);
        free(pixels);
    }
    assert_true(compared >= 300);
}

// A part of the outputs is that part of all outputs.
static void test_window(void **state) {
    (void)state;
    enum { W = 40, H = 30, TO = 23 };
    uint8_t *pixels = noise(random_key(2, "resize"), 3 * W * H);
    uint8_t whole[3 * TO * TO], part[3 * 5 * 4];
    struct resize_map map = {{0, 0, W, H}, {0, 0, W, H}, TO, TO, {0, 0, TO, TO}, FILTER_BICUBIC};
    run(whole, pixels, W, &map, resize_fastest(), 16);
    map.window = (struct rect){7, 11, 5, 4};
    run(part, pixels, W, &map, resize_fastest(), 16);
    for (int y = 0; y < 4; y++) assert_memory_equal(part + 15 * y, whole + 3 * ((11 + y) * TO + 7), 15);
    free(pixels);
}

// A flat picture stays flat, whatever the weights: they are normalised.
static void test_flat(void **state) {
    (void)state;
    struct image image = {37, 29, xmalloc(3 * 37 * 29)};
    memset(image.pixels, 255, 3 * 37 * 29);
    uint8_t out[3 * 64 * 5];
    image_resize(out, 64, 5, &image, (struct image_box){0.3, 0.6, 36, 28});
    for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 255);
    image_release(&image);
}

static void assert_at_most(const char *level, enum isa isa) {
    setenv("COCA_ISA", level, 1);
    assert_true(resize_fastest()->isa <= isa);
    unsetenv("COCA_ISA");
}

static void test_level_holds_versions_back(void **state) {
    (void)state;
    assert_at_most("v2", ISA_V2);
    assert_at_most("v3", ISA_V3);
    assert_at_most("v4", ISA_V4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions_agree), cmocka_unit_test(test_window),
                                       cmocka_unit_test(test_flat), cmocka_unit_test(test_level_holds_versions_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
