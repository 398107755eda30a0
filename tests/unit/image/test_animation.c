// Of an animation it is the first frame: of a WebP on its canvas, as Pillow composes it; of a PNG the default image.
#include "pictures.h"

#include <webp/encode.h>

#include "base/fail.h"
#include "image/codec.h"

enum { CANVAS_WIDTH = 40, CANVAS_HEIGHT = 30, WIDTH = 20, HEIGHT = 16, LEFT = 6, TOP = 8, RIFF_HEADER = 12 };

static void put(struct buffer *to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) buffer_append(to, &(char){(char)(value >> 8 * i)}, 1);
}

static void put_chunk(struct buffer *to, const char *name, const struct buffer *content) {
    buffer_append(to, name, 4);
    put(to, (uint32_t)content->size, 4);
    buffer_append(to, content->bytes, content->size);
    buffer_append(to, "", content->size & 1);
}

// pixels [HEIGHT, WIDTH, channels], 3 or 4.
static void put_frame(struct buffer *to, const uint8_t *pixels, int channels, int left, int top) {
    uint8_t *bytes;
    const size_t size = channels == 4 ? WebPEncodeLosslessRGBA(pixels, WIDTH, HEIGHT, 4 * WIDTH, &bytes)
                                      : WebPEncodeLosslessRGB(pixels, WIDTH, HEIGHT, 3 * WIDTH, &bytes);
    struct buffer frame = {0};
    put(&frame, (uint32_t)left / 2, 3);
    put(&frame, (uint32_t)top / 2, 3);
    put(&frame, WIDTH - 1, 3);
    put(&frame, HEIGHT - 1, 3);
    put(&frame, 100, 3); // milliseconds
    put(&frame, 0, 1);   // blended, left where it is
    buffer_append(&frame, bytes + RIFF_HEADER, size - RIFF_HEADER);
    put_chunk(to, "ANMF", &frame);
    buffer_release(&frame);
    WebPFree(bytes);
}

// Two frames, of which the first one is `pixels` at (left, TOP); the background is a colour that nobody shows.
static struct buffer make_webp(const uint8_t *pixels, int channels, bool says_alpha, int left) {
    enum { ANIMATION = 2, ALPHA = 16 };
    static const uint8_t later[3 * WIDTH * HEIGHT];
    struct buffer body = {0}, header = {0}, control = {0}, made = {0};
    put(&header, ANIMATION | (says_alpha ? ALPHA : 0), 4);
    put(&header, CANVAS_WIDTH - 1, 3);
    put(&header, CANVAS_HEIGHT - 1, 3);
    put(&control, 0xff4080ff, 4);
    put(&control, 0, 2);
    buffer_append(&body, "WEBP", 4);
    put_chunk(&body, "VP8X", &header);
    put_chunk(&body, "ANIM", &control);
    put_frame(&body, pixels, channels, left, TOP);
    put_frame(&body, later, 3, 0, 0);
    put_chunk(&made, "RIFF", &body);
    buffer_release(&body);
    buffer_release(&header);
    buffer_release(&control);
    return made;
}

static int decode(struct image *image, const struct buffer *file, bool drops_alpha, char reason[IMAGE_REASON]) {
    struct picture picture;
    *image = (struct image){0};
    int status = picture_open(&picture, file->bytes, file->size, reason);
    picture.drops_alpha = drops_alpha;
    if (!status) {
        struct image_rows rows;
        struct row_sink sink = image_rows_begin(&rows, image, picture.width, picture.height);
        status = picture_decode(&picture, 1, (struct rect){0, 0, picture.width, picture.height}, sink);
    }
    picture_close(&picture);
    return status;
}

static const uint8_t *frame_pixel(const uint8_t *pixels, int channels, int x, int y) {
    const bool inside = x >= LEFT && x < LEFT + WIDTH && y >= TOP && y < TOP + HEIGHT;
    return inside ? pixels + channels * ((y - TOP) * WIDTH + x - LEFT) : NULL;
}

// Around the frame is `around`. Alpha is laid over white, or taken off.
static void check_canvas(bool says_alpha, int channels, bool drops_alpha, int around) {
    uint8_t *pixels = picture_make(WIDTH, HEIGHT, channels);
    struct buffer file = make_webp(pixels, channels, says_alpha, LEFT);
    struct image image;
    char reason[IMAGE_REASON];
    if (decode(&image, &file, drops_alpha, reason)) fail_msg("%s", reason);
    assert_true(image.width == CANVAS_WIDTH && image.height == CANVAS_HEIGHT);
    for (int i = 0; i < 3 * CANVAS_WIDTH * CANVAS_HEIGHT; i++) {
        const uint8_t *pixel = frame_pixel(pixels, channels, i / 3 % CANVAS_WIDTH, i / 3 / CANVAS_WIDTH);
        unsigned expected = pixel ? pixel[i % 3] : (unsigned)around;
        if (pixel && channels == 4 && !drops_alpha)
            expected = divide_255(pixel[3] * pixel[i % 3] + (255u - pixel[3]) * 255);
        assert_int_equal(image.pixels[i], expected);
    }
    image_release(&image);
    buffer_release(&file);
    free(pixels);
}

static void a_smaller_frame_lies_on_its_canvas(void **state) {
    (void)state;
    check_canvas(false, 3, false, 0);
    check_canvas(false, 3, true, 0);
    check_canvas(true, 3, false, 255);
    check_canvas(true, 3, true, 0);
    check_canvas(true, 4, false, 255);
    check_canvas(true, 4, true, 0);
}

static void assert_refused(const struct buffer *file, size_t size, const char *words) {
    struct image image;
    char reason[IMAGE_REASON];
    uint8_t *copy = xmalloc(size);
    memcpy(copy, file->bytes, size);
    assert_int_equal(image_decode(&image, copy, size, reason), -EXIT_DATA);
    if (!strstr(reason, words)) fail_msg("\"%s\" does not say \"%s\"", reason, words);
    free(copy);
}

static void cut_animations_are_refused(void **state) {
    (void)state;
    uint8_t *pixels = picture_make(WIDTH, HEIGHT, 3);
    struct buffer file = make_webp(pixels, 3, false, LEFT);
    for (size_t size = RIFF_HEADER; size < file.size; size++) assert_refused(&file, size, "WebP");
    assert_refused(&file, file.size - 10, "truncated WebP");
    buffer_release(&file);
    file = make_webp(pixels, 3, false, CANVAS_WIDTH - WIDTH + 2);
    assert_refused(&file, file.size, "bad WebP"); // a frame beyond the canvas
    buffer_release(&file);
    free(pixels);
}

// The chunk `name` of a size that is no secret; its checksum is nobody's concern.
static void put_png_chunk(struct buffer *to, const char *name, const void *bytes, size_t size) {
    const char length[] = {0, 0, 0, (char)size};
    buffer_append(to, length, 4);
    buffer_append(to, name, 4);
    buffer_append(to, bytes, size);
    buffer_append(to, "\0\0\0\0", 4);
}

// An animation of the PNG in `png`, whose frame of its own is junk.
static struct buffer make_apng(const char *png, size_t size, bool default_is_a_frame) {
    enum { HEADER = 33, END = 12 }; // signature and IHDR; IEND
    static const char control[26];
    struct buffer made = {0};
    buffer_append(&made, png, HEADER);
    put_png_chunk(&made, "acTL", "\0\0\0\1\0\0\0\0", 8);
    if (default_is_a_frame) put_png_chunk(&made, "fcTL", control, sizeof control);
    buffer_append(&made, png + HEADER, size - HEADER - END);
    put_png_chunk(&made, "fcTL", control, sizeof control);
    put_png_chunk(&made, "fdAT", "\0\0\0\1junk", 8);
    buffer_append(&made, png + size - END, END);
    return made;
}

static void of_a_png_it_is_the_default_image(void **state) {
    (void)state;
    uint8_t *pixels = picture_make(WIDTH, HEIGHT, 3);
    void *bytes;
    size_t size;
    assert_int_equal(image_encode_png(&bytes, &size, pixels, WIDTH, HEIGHT, 3), 0);
    for (int is_a_frame = 0; is_a_frame < 2; is_a_frame++) {
        struct buffer file = make_apng(bytes, size, is_a_frame);
        struct image image;
        char reason[IMAGE_REASON];
        if (image_decode(&image, file.bytes, file.size, reason)) fail_msg("%s", reason);
        assert_memory_equal(image.pixels, pixels, 3 * WIDTH * HEIGHT);
        image_release(&image);
        buffer_release(&file);
    }
    free(bytes);
    free(pixels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_smaller_frame_lies_on_its_canvas),
        cmocka_unit_test(cut_animations_are_refused),
        cmocka_unit_test(of_a_png_it_is_the_default_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
