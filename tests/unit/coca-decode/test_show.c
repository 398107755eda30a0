// What is shown of a sample: which of a record's fields, how often, and what is refused.
#include "../../../stages/coca-decode/show.h"
#include "../base/folder.h"
#include "base/fail.h"

enum { SIDE = 8, PICTURE = 3 * SIDE * SIDE, PICTURES = 5 };

static struct span pictures[PICTURES]; // picture i has all its bytes i

static int make_pictures(void **state) {
    (void)state;
    for (int i = 0; i < PICTURES; i++) {
        uint8_t pixels[PICTURE];
        void *png;
        memset(pixels, i, sizeof pixels);
        assert_int_equal(image_encode_png(&png, &pictures[i].size, pixels, SIDE, SIDE, 3), 0);
        pictures[i].bytes = png;
    }
    return 0;
}

static int free_pictures(void **state) {
    (void)state;
    for (int i = 0; i < PICTURES; i++) free((void *)pictures[i].bytes);
    return 0;
}

static struct show show_of(int count, bool apart) {
    static uint8_t scratch[PICTURE];
    return (struct show){.count = count,
                         .apart = apart,
                         .clips = 1,
                         .crops = 1,
                         .sampling = SAMPLING_CENTRES,
                         .view = {.kind = VIEW_CENTRE_CROP, .size = SIDE},
                         .scratch = scratch};
}

static int show(const struct show *show, uint8_t *pixels, const struct record *record, char reason[IMAGE_REASON]) {
    const struct sample sample = {.record = *record};
    const struct encoded_options options = {NULL, 1 << 20, show->count > 1, NULL};
    struct encoded encoded;
    int status = encoded_find(&encoded, NULL, &sample, &options, reason, IMAGE_REASON);
    return status ? status : show_sample(show, pixels, &sample, &encoded, reason);
}

// `expected`: the number of each picture that is shown.
static void assert_shown(struct show how, const struct record *record, const int *expected) {
    uint8_t pixels[4 * PICTURE], wanted[PICTURE];
    char reason[IMAGE_REASON] = "";
    if (show(&how, pixels, record, reason)) fail_msg("%s", reason);
    for (int i = 0; i < how.count; i++) {
        memset(wanted, expected[i], sizeof wanted);
        assert_memory_equal(pixels + (size_t)i * PICTURE, wanted, PICTURE);
    }
}

static void assert_dropped(struct show how, const struct record *record, const char *word) {
    uint8_t pixels[4 * PICTURE];
    char reason[IMAGE_REASON] = "";
    assert_int_equal(show(&how, pixels, record, reason), -EXIT_DATA);
    if (!strstr(reason, word)) fail_msg("\"%s\" lacks \"%s\"", reason, word);
}

static void test_a_picture_stands_for_all(void **state) {
    (void)state;
    const struct record record = {.image = pictures[3]};
    assert_shown(show_of(1, false), &record, (int[]){3});
    assert_shown(show_of(3, false), &record, (int[]){3, 3, 3});
}

static void test_pictures_are_sampled_as_frames(void **state) {
    (void)state;
    const struct record record = {.images = pictures, .image_count = 5};
    struct show starts = show_of(2, false);
    starts.sampling = SAMPLING_STARTS;
    assert_shown(show_of(1, false), &record, (int[]){2});
    assert_shown(show_of(2, false), &record, (int[]){1, 3});
    assert_shown(starts, &record, (int[]){0, 2});
    const struct record two = {.images = pictures, .image_count = 2};
    assert_shown(show_of(4, false), &two, (int[]){0, 0, 1, 1});
}

// A single picture is shown where one is wanted, even beside several.
static void test_which_field_is_shown(void **state) {
    (void)state;
    const struct record record = {.image = pictures[4], .images = pictures, .image_count = 2};
    assert_shown(show_of(1, false), &record, (int[]){4});
    assert_shown(show_of(2, false), &record, (int[]){0, 1});
    const struct record nothing = {.class = 1};
    assert_dropped(show_of(1, false), &nothing, "no picture");
}

static void test_two_pictures_are_two(void **state) {
    (void)state;
    const struct record two = {.images = pictures + 1, .image_count = 2},
                        three = {.images = pictures, .image_count = 3}, one = {.image = pictures[0]};
    assert_shown(show_of(2, true), &two, (int[]){1, 2});
    assert_dropped(show_of(2, true), &three, "3 of the 2 pictures");
    assert_dropped(show_of(2, true), &one, "1 of the 2 pictures");
}

static void test_one_broken_picture_breaks_the_sample(void **state) {
    (void)state;
    struct span some[2] = {pictures[0], {pictures[1].bytes, pictures[1].size / 2}};
    const struct record record = {.images = some, .image_count = 2};
    assert_dropped(show_of(2, true), &record, "PNG");
    assert_dropped(show_of(4, false), &record, "PNG");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_stands_for_all),
        cmocka_unit_test(test_pictures_are_sampled_as_frames),
        cmocka_unit_test(test_which_field_is_shown),
        cmocka_unit_test(test_two_pictures_are_two),
        cmocka_unit_test(test_one_broken_picture_breaks_the_sample),
    };
    return cmocka_run_group_tests(tests, make_pictures, free_pictures);
}
