// Pictures decoded and encoded with the nth allocation failing, in the libraries too: memory that is short makes no
// good picture a bad one, which would be left out of training.
#include "../faults/faults.h"
#include "pictures.h"

#include "../base/folder.h"

static const char *const names[] = {"progressive.jpg", "grey.jpg",   "rgb-interlaced.png", "palette-alpha.png",
                                    "lossless.webp",   "alpha.webp", "orientation6.jpg"};
enum { PICTURES = sizeof names / sizeof *names };
static struct buffer pictures[PICTURES];
static int turn; // which of them is decoded

static int read_pictures(void **state) {
    (void)state;
    for (int i = 0; i < PICTURES; i++) read_picture(&pictures[i], names[i]);
    return 0;
}

static int release_pictures(void **state) {
    (void)state;
    for (int i = 0; i < PICTURES; i++) buffer_release(&pictures[i]);
    return 0;
}

static void make_nothing(void) {
}

static int decode(void) {
    struct image image;
    char reason[IMAGE_REASON];
    if (image_decode(&image, pictures[turn].bytes, pictures[turn].size, reason)) return 1;
    image_release(&image);
    return 0;
}

static void a_picture_is_decoded_or_the_process_ends(void **state) {
    (void)state;
    for (turn = 0; turn < PICTURES; turn++)
        assert_survives(&(struct fault_task){make_nothing, decode, NULL, NULL, "out of memory"});
}

enum { SIDE = 40 };
static uint8_t pixels[SIDE * SIDE * 3];

static int encode_png(void) {
    void *bytes;
    size_t size;
    int status = image_encode_png(&bytes, &size, pixels, SIDE, SIDE, 3);
    if (!status) free(bytes);
    return status;
}

static int encode_jpeg(void) {
    void *bytes;
    size_t size;
    int status = image_encode_jpeg(&bytes, &size, pixels, SIDE, SIDE, 90);
    if (!status) free(bytes);
    return status;
}

static void a_picture_is_encoded_or_the_failure_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_nothing, encode_png, NULL, NULL, "PNG"});
    assert_survives(&(struct fault_task){make_nothing, encode_jpeg, NULL, NULL, "JPEG"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_decoded_or_the_process_ends),
        cmocka_unit_test(a_picture_is_encoded_or_the_failure_told),
    };
    return cmocka_run_group_tests(tests, read_pictures, release_pictures);
}
