// Damaged, hostile and mislabelled files; and what the encoders write.
#include "pictures.h"

#include "base/fail.h"

static int decode(struct image *image, const void *bytes, size_t size, char reason[IMAGE_REASON]) {
    memset(reason, '#', IMAGE_REASON);
    return image_decode(image, bytes, size, reason);
}

// Refused, with a reason that is a text.
static void check_refused(const void *bytes, size_t size, const char *expected) {
    struct image image;
    char reason[IMAGE_REASON];
    assert_int_equal(decode(&image, bytes, size, reason), -EXIT_DATA);
    assert_null(image.pixels);
    assert_non_null(memchr(reason, 0, IMAGE_REASON));
    if (!strstr(reason, expected)) fail_msg("\"%s\" does not say \"%s\"", reason, expected);
}

// Each prefix is refused, or (behind the pixels) is the whole picture. The copy has the prefix's size, so that a
// sanitizer sees reads beyond it.
static void check_prefixes(const char *name) {
    struct buffer file;
    struct image whole, image;
    char reason[IMAGE_REASON];
    read_picture(&file, name);
    assert_int_equal(image_decode(&whole, file.bytes, file.size, reason), 0);
    size_t size = 3 * (size_t)whole.width * (size_t)whole.height, refused = 0;
    for (size_t length = 0; length < file.size; length++) {
        uint8_t *prefix = xmalloc(length);
        memcpy(prefix, file.bytes, length);
        int status = decode(&image, prefix, length, reason);
        if (status) {
            assert_int_equal(status, -EXIT_DATA);
            assert_true(memchr(reason, 0, IMAGE_REASON) && reason[0]);
            refused++;
        } else if (memcmp(image.pixels, whole.pixels, size)) {
            fail_msg("%s cut to %zu bytes gives another picture", name, length);
        }
        image_release(&image);
        free(prefix);
    }
    assert_true(refused + 20 >= file.size); // a PNG's last chunk holds no pixels, nor its last checksum
    image_release(&whole);
    buffer_release(&file);
}

static void test_truncated(void **state) {
    (void)state;
    static const char *const names[] = {"420.jpg",  "progressive.jpg", "restart.jpg",   "grey.jpg",
                                        "cmyk.jpg", "rgb.png",         "palette4.png",  "rgba-interlaced.png",
                                        "exif.png", "lossy.webp",      "lossless.webp", "alpha.webp",
                                        "exif.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_prefixes(names[i]);
}

static void test_truncated_says_so(void **state) {
    (void)state;
    static const char *const names[] = {"420.jpg", "progressive.jpg", "rgb.png", "lossy.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buffer file;
        read_picture(&file, names[i]);
        check_refused(file.bytes, file.size * 3 / 4, "truncated");
        buffer_release(&file);
    }
}

// Whatever byte is turned over: a picture or a reason, never a crash.
static void check_flips(const char *name) {
    struct buffer file;
    struct image image;
    char reason[IMAGE_REASON];
    struct random_key key = random_key(8, name);
    read_picture(&file, name);
    for (size_t i = 0; i < file.size; i++) {
        char kept = file.bytes[i];
        file.bytes[i] = (char)(kept ^ (1 << random_below(key, i, 8)));
        struct image_header header;
        bool small =
            !image_read_header(&header, file.bytes, file.size, reason) && header.width * header.height < 1 << 20;
        if (small && decode(&image, file.bytes, file.size, reason)) assert_non_null(memchr(reason, 0, IMAGE_REASON));
        if (small) image_release(&image);
        file.bytes[i] = kept;
    }
    buffer_release(&file);
}

static void test_flipped_bits(void **state) {
    (void)state;
    static const char *const names[] = {"420.jpg",  "progressive.jpg", "cmyk.jpg", "orientation6.jpg",
                                        "rgba.png", "palette2.png",    "exif.png", "alpha.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_flips(names[i]);
}

static void put_big_endian(char *at, unsigned value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (char)(value >> 8 * (bytes - 1 - i));
}

static void test_huge_jpeg(void **state) {
    (void)state;
    static const unsigned sides[][2] = {{65535, 1}, {1, 65535}, {65500, 65500}, {20000, 10000}};
    struct buffer file;
    read_picture(&file, "420.jpg");
    char *frame = memmem(file.bytes, file.size, "\xff\xc0", 2);
    assert_non_null(frame);
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        put_big_endian(frame + 5, sides[i][1], 2);
        put_big_endian(frame + 7, sides[i][0], 2);
        check_refused(file.bytes, file.size, "JPEG");
    }
    buffer_release(&file);
}

static uint32_t crc_of(const char *bytes, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void test_huge_png(void **state) {
    (void)state;
    static const unsigned sides[][2] = {{0x7fffffff, 0x7fffffff}, {65501, 1}, {1, 65501}, {60000, 60000}, {0, 5}};
    struct buffer file;
    read_picture(&file, "rgb.png");
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        put_big_endian(file.bytes + 16, sides[i][0], 4);
        put_big_endian(file.bytes + 20, sides[i][1], 4);
        put_big_endian(file.bytes + 29, crc_of(file.bytes + 12, 17), 4);
        check_refused(file.bytes, file.size, "PNG");
    }
    buffer_release(&file);
}

static void test_no_codec(void **state) {
    (void)state;
    check_refused(NULL, 0, "empty");
    check_refused("", 0, "empty");
    check_refused("\1\2\3", 3, "neither JPEG, PNG nor WebP by its first bytes");
    check_refused("\xff\xd8\xff", 3, "truncated JPEG");
    check_refused("\x89PNG\r\n\x1a\n", 8, "truncated PNG");
    check_refused("RIFF\x04\0\0\0WEBP", 12, "WebP");
}

struct named {
    const char *bytes;
    size_t size;
    const char *name;
};
#define BYTES(text) text, sizeof(text) - 1

static const struct named formats[] = {
    {BYTES("GIF89a\1\0\1\0"), "a GIF (convert it to PNG or JPEG)"},
    {BYTES("BM\x36\0\0\0\0\0\0\0"), "a BMP"},
    {BYTES("II*\0\x08\0\0\0"), "a TIFF"},
    {BYTES("MM\0*\0\0\0\x08"), "a TIFF"},
    {BYTES("II+\0\x08\0\0\0"), "a BigTIFF"},
    {BYTES("MM\0+\0\x08\0\0"), "a BigTIFF"},
    {BYTES("\0\0\0\x20"
           "ftypavif\0\0\0\0"),
     "an AVIF"},
    {BYTES("\0\0\0\x18"
           "ftypheic\0\0\0\0"),
     "a HEIC"},
    {BYTES("\0\0\0\x18"
           "ftypmif1\0\0\0\0"),
     "a HEIF"},
    {BYTES("\0\0\0\x18"
           "ftypisom\0\0\0\0"),
     "a video"},
    {BYTES("\xff\x0a\x10\0"), "a JPEG XL"},
    {BYTES("\0\0\0\x0cJXL \r\n\x87\n"), "a JPEG XL"},
    {BYTES("\0\0\0\x0cjP  \r\n\x87\n"), "a JPEG 2000"},
    {BYTES("\xff\x4f\xff\x51\0\x29"), "a JPEG 2000"},
    {BYTES("8BPS\0\1"), "a Photoshop file"},
    {BYTES("\0\0\1\0\1\0"), "an icon"},
    {BYTES("%PDF-1.7\n"), "a PDF"},
    {BYTES("\x89PNG\n\x1a\n\0"), "a PNG that was copied as text"},
};

static const struct named stand_ins[] = {
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "git lfs pull"},
    {BYTES("/annex/objects/SHA256E-s9--00.jpg\n"), "git annex get"},
    {BYTES("../.git/annex/objects/aa/bb/SHA256E-s9--00.jpg"), "git annex get"},
    {BYTES("\xef\xbb\xbf\r\n <!DOCTYPE HTML><title>404"), "an HTML page"},
    {BYTES("<html lang=en>"), "an HTML page"},
    {BYTES("<?xml version=\"1.0\"?>\n<Error>"), "XML text"},
    {BYTES("<?xml version=\"1.0\"?>\n<svg xmlns"), "an SVG"},
    {BYTES("<svg width="), "an SVG"},
    {BYTES("{\"error\": \"gone\"}"), "JSON text"},
    {BYTES("[]"), "JSON text"},
    {BYTES("Not found\n"), "text"},
    {BYTES("\x1f\x8b\x08\0"), "gzip data"},
    {BYTES("PK\3\4\x14"), "a zip archive"},
    {BYTES("\0"), "zero bytes alone"},
    {BYTES("\0\0\0\0\0\0\0\0\0\0\0\0"), "zero bytes alone"},
};

// Each as long as its bytes, so that a sanitizer sees reads behind them.
static void check_named(const struct named *named, size_t count) {
    for (const struct named *one = named; one < named + count; one++) {
        char *copy = xmalloc(one->size);
        memcpy(copy, one->bytes, one->size);
        check_refused(copy, one->size, "neither JPEG, PNG nor WebP, but ");
        check_refused(copy, one->size, one->name);
        free(copy);
    }
}

static void test_other_formats_are_named(void **state) {
    (void)state;
    check_named(formats, sizeof formats / sizeof *formats);
}

static void test_what_stands_for_a_picture_is_named(void **state) {
    (void)state;
    check_named(stand_ins, sizeof stand_ins / sizeof *stand_ins);
}

// The signature counts; the rest of the room never sees a name.
static void test_format(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum image_format format;
    } files[] = {
        {"420.jpg", IMAGE_JPEG}, {"rgb.png", IMAGE_PNG}, {"alpha.webp", IMAGE_WEBP}, {"decode.txt", IMAGE_UNKNOWN}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buffer file;
        struct image_header header = {0};
        char reason[IMAGE_REASON];
        read_picture(&file, files[i].name);
        assert_int_equal(image_format_of(file.bytes, file.size), files[i].format);
        image_read_header(&header, file.bytes, file.size, reason);
        assert_int_equal(header.format, files[i].format);
        buffer_release(&file);
    }
}

static void check_png_round_trip(int channels) {
    enum { W = 31, H = 7 };
    uint8_t *samples = picture_make(W, H, channels);
    void *bytes;
    size_t size;
    struct image image;
    char reason[IMAGE_REASON];
    assert_int_equal(image_encode_png(&bytes, &size, samples, W, H, channels), 0);
    assert_int_equal(image_decode(&image, bytes, size, reason), 0);
    assert_true(image.width == W && image.height == H);
    for (int i = 0; i < 3 * W * H; i++) assert_int_equal(image.pixels[i], samples[channels == 3 ? i : i / 3]);
    image_release(&image);
    free(bytes);
    free(samples);
}

static void test_encoders(void **state) {
    (void)state;
    check_png_round_trip(1);
    check_png_round_trip(3);
    uint8_t *samples = picture_make(64, 48, 3);
    void *bytes;
    size_t size;
    struct image image;
    char reason[IMAGE_REASON];
    assert_int_equal(image_encode_jpeg(&bytes, &size, samples, 64, 48, 95), 0);
    assert_int_equal(image_decode(&image, bytes, size, reason), 0);
    double off = 0;
    for (int i = 0; i < 3 * 64 * 48; i++) off += abs(image.pixels[i] - samples[i]);
    assert_true(off / (3 * 64 * 48) < 6);
    image_release(&image);
    free(bytes);
    fail_name("test (expected)");
    assert_int_equal(image_encode_jpeg(&bytes, &size, samples, 70000, 1, 95), -EXIT_RUN);
    assert_int_equal(image_encode_png(&bytes, &size, samples, 0, 1, 3), -EXIT_RUN);
    free(samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_truncated_says_so),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_huge_jpeg),
        cmocka_unit_test(test_huge_png),
        cmocka_unit_test(test_no_codec),
        cmocka_unit_test(test_other_formats_are_named),
        cmocka_unit_test(test_what_stands_for_a_picture_is_named),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_encoders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
