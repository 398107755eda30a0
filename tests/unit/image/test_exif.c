// Orientation in EXIF: every whole type and both byte orders, wherever JPEG, PNG and WebP carry it; and EXIF that is
// broken, which refuses no picture.
#include "pictures.h"

#include <webp/encode.h>

#include "image/exif.h"

enum { WIDTH = 24, HEIGHT = 10, QUARTER_TURN = 6, TAG_ORIENTATION = 0x0112, TAG_MAKE = 0x010f, TYPE_ASCII = 2 };

struct block {
    bool big_endian;
    const char *prefix;
    size_t prefix_size;
    uint32_t directory; // where it begins
    int type;
    uint32_t count, value;
};

static void put(struct buffer *to, const struct block *block, uint32_t value, int width) {
    for (int i = 0; i < width; i++) {
        const char byte = (char)(value >> 8 * (block->big_endian ? width - 1 - i : i));
        buffer_append(to, &byte, 1);
    }
}

static int width_of(int type) {
    static const int widths[] = {[1] = 1, [2] = 1, [3] = 2, [4] = 4, [6] = 1, [7] = 1, [8] = 2, [9] = 4};
    return widths[type];
}

static void put_entry(struct buffer *to, const struct block *block, uint32_t tag, int type, uint32_t value) {
    static const char nothing[4];
    put(to, block, tag, 2);
    put(to, block, (uint32_t)type, 2);
    put(to, block, block->count, 4);
    put(to, block, value, width_of(type));
    buffer_append(to, nothing, (size_t)(4 - width_of(type)));
}

// A TIFF whose first directory holds a maker and the orientation. The caller releases it.
static struct buffer make_exif(const struct block *block) {
    static const char nothing[500];
    struct buffer made = {0};
    buffer_append(&made, block->prefix, block->prefix_size);
    buffer_append(&made, block->big_endian ? "MM" : "II", 2);
    put(&made, block, 42, 2);
    put(&made, block, block->directory, 4);
    buffer_append(&made, nothing, block->directory - 8);
    put(&made, block, 2, 2);
    put_entry(&made, block, TAG_MAKE, TYPE_ASCII, 'A');
    put_entry(&made, block, TAG_ORIENTATION, block->type, block->value);
    put(&made, block, 0, 4);
    return made;
}

static void assert_orientation(struct block block, int expected) {
    for (int i = 0; i < 2; i++) {
        block.big_endian = i;
        struct buffer exif = make_exif(&block);
        assert_int_equal(exif_orientation((uint8_t *)exif.bytes, exif.size), expected);
        buffer_release(&exif);
    }
}

static void any_whole_type_is_read(void **state) {
    (void)state;
    static const int types[] = {1, 3, 4, 6, 8, 9};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (uint32_t value = 1; value <= 8; value++) {
            assert_orientation((struct block){.directory = 8, .type = types[i], .count = 1, .value = value},
                               (int)value);
            assert_orientation((struct block){.directory = 301, .type = types[i], .count = 1, .value = value},
                               (int)value);
        }
        assert_orientation((struct block){.directory = 8, .type = types[i], .count = 1, .value = 0}, 1);
        assert_orientation((struct block){.directory = 8, .type = types[i], .count = 1, .value = 9}, 1);
        assert_orientation((struct block){.directory = 8, .type = types[i], .count = 1, .value = (uint32_t)-6}, 1);
        assert_orientation((struct block){.directory = 8, .type = types[i], .count = 0, .value = 6}, 1);
    }
    assert_orientation((struct block){.directory = 8, .type = TYPE_ASCII, .count = 1, .value = 6}, 1);
    assert_orientation((struct block){.directory = 8, .type = 7, .count = 1, .value = 6}, 1);
}

static void prefixes_are_passed_over(void **state) {
    (void)state;
    const struct block block = {.directory = 8, .type = 3, .count = 1, .value = 6, .prefix = "Exif\0\0Exif\0\0"};
    struct block once = block, twice = block;
    once.prefix_size = 6;
    twice.prefix_size = 12;
    assert_orientation(once, 6);
    assert_orientation(twice, 6);
}

// Every cut of a block, each in a block of its own size.
static void cut_blocks_say_nothing(void **state) {
    (void)state;
    const struct block block = {.directory = 8, .type = 3, .count = 1, .value = 6};
    struct buffer exif = make_exif(&block);
    for (size_t size = 0; size < exif.size; size++) {
        uint8_t *cut = xmalloc(size);
        memcpy(cut, exif.bytes, size);
        const int orientation = exif_orientation(cut, size);
        assert_true(orientation == 1 || orientation == 6);
        free(cut);
    }
    buffer_release(&exif);
}

// --- In the three formats

static void put_big(struct buffer *to, uint32_t value, int width) {
    put(to, &(struct block){.big_endian = true}, value, width);
}

static struct buffer in_jpeg(const struct buffer *exif) {
    const struct jpeg_kind kind = {"grey", 1, JCS_GRAYSCALE, 1, 1, .restart = 0};
    unsigned char *bytes;
    unsigned long size;
    struct buffer made = {0};
    jpeg_make(&bytes, &size, &kind, WIDTH, HEIGHT);
    buffer_append(&made, "\xff\xd8\xff\xe1", 4);
    put_big(&made, (uint32_t)exif->size + 8, 2);
    buffer_append(&made, "Exif\0\0", 6);
    buffer_append(&made, exif->bytes, exif->size);
    buffer_append(&made, bytes + 2, size - 2);
    free(bytes);
    return made;
}

// The checksum of what is not about pixels is nobody's concern.
static struct buffer in_png_at(const struct buffer *exif, bool at_end) {
    enum { BEGINNING = 33, END = 12 }; // signature and IHDR; IEND
    uint8_t *pixels = picture_make(WIDTH, HEIGHT, 3);
    void *bytes;
    size_t size;
    struct buffer made = {0};
    assert_int_equal(image_encode_png(&bytes, &size, pixels, WIDTH, HEIGHT, 3), 0);
    const size_t at = at_end ? size - END : BEGINNING;
    buffer_append(&made, bytes, at);
    put_big(&made, (uint32_t)exif->size, 4);
    buffer_append(&made, "eXIf", 4);
    buffer_append(&made, exif->bytes, exif->size);
    put_big(&made, 0, 4);
    buffer_append(&made, (char *)bytes + at, size - at);
    free(bytes);
    free(pixels);
    return made;
}

static struct buffer in_png(const struct buffer *exif) {
    return in_png_at(exif, false);
}

static struct buffer behind_png(const struct buffer *exif) {
    return in_png_at(exif, true);
}

static struct buffer in_webp(const struct buffer *exif) {
    enum { HEADER = 12 };
    const struct block little = {.big_endian = false};
    uint8_t *pixels = picture_make(WIDTH, HEIGHT, 3), *bytes;
    const size_t size = WebPEncodeLosslessRGB(pixels, WIDTH, HEIGHT, 3 * WIDTH, &bytes), odd = exif->size & 1;
    struct buffer made = {0};
    buffer_append(&made, "RIFF", 4);
    put(&made, &little, (uint32_t)(4 + 18 + size - HEADER + 8 + exif->size + odd), 4);
    buffer_append(&made, "WEBPVP8X\x0a\0\0\0\x08\0\0\0", 16); // with EXIF
    put(&made, &little, WIDTH - 1, 3);
    put(&made, &little, HEIGHT - 1, 3);
    buffer_append(&made, bytes + HEADER, size - HEADER);
    buffer_append(&made, "EXIF", 4);
    put(&made, &little, (uint32_t)exif->size, 4);
    buffer_append(&made, exif->bytes, exif->size);
    buffer_append(&made, "", odd);
    WebPFree(bytes);
    free(pixels);
    return made;
}

static struct buffer (*const carriers[])(const struct buffer *exif) = {in_jpeg, in_png, behind_png, in_webp};
enum { CARRIERS = sizeof carriers / sizeof *carriers };

static void assert_carried(const struct buffer *exif, int orientation) {
    for (int i = 0; i < CARRIERS; i++) {
        struct buffer made = carriers[i](exif);
        struct image_header header;
        struct image image;
        char reason[IMAGE_REASON];
        if (image_read_header(&header, made.bytes, made.size, reason)) fail_msg("carrier %d: %s", i, reason);
        if (header.orientation != orientation) fail_msg("carrier %d: orientation %d", i, header.orientation);
        if (image_decode(&image, made.bytes, made.size, reason)) fail_msg("carrier %d: %s", i, reason);
        assert_int_equal(image.width, orientation == QUARTER_TURN ? HEIGHT : WIDTH);
        image_release(&image);
        buffer_release(&made);
    }
}

static void every_format_carries_it(void **state) {
    (void)state;
    struct block block = {.directory = 9, .type = 4, .count = 1, .value = QUARTER_TURN, .prefix = "Exif\0\0"};
    for (int i = 0; i < 4; i++) {
        block.big_endian = i & 1;
        block.prefix_size = i & 2 ? 6 : 0;
        struct buffer exif = make_exif(&block);
        assert_carried(&exif, QUARTER_TURN);
        buffer_release(&exif);
    }
}

static void broken_ones_refuse_no_picture(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } broken[] = {
        {"", 0}, {"II", 2}, {"garbage", 7}, {"Exif\0\0", 6}, {"II*\0\xff\xff\xff\xff", 8}, {"MM\0*\0\0\0\x08\xff", 9}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct buffer exif = {0};
        buffer_append(&exif, broken[i].bytes, broken[i].size);
        assert_carried(&exif, 1);
        buffer_release(&exif);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_whole_type_is_read),        cmocka_unit_test(prefixes_are_passed_over),
        cmocka_unit_test(cut_blocks_say_nothing),        cmocka_unit_test(every_format_carries_it),
        cmocka_unit_test(broken_ones_refuse_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
