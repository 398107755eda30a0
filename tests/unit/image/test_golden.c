// Against PIL: tests/parity/make_images.py.
#include "pictures.h"

#include "image/codec.h"
#include "image/view.h"

static void check_decode(const char *name, int width, int height, int orientation, int tolerance) {
    struct buffer file, golden;
    char golden_name[80], reason[IMAGE_REASON];
    snprintf(golden_name, sizeof golden_name, "%s.rgb", name);
    read_picture(&file, name);
    read_picture(&golden, golden_name);
    struct image_header header;
    struct image image;
    assert_int_equal(image_read_header(&header, file.bytes, file.size, reason), 0);
    assert_int_equal(header.width, width);
    assert_int_equal(header.height, height);
    assert_int_equal(header.orientation, orientation);
    assert_int_equal(image_decode(&image, file.bytes, file.size, reason), 0);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_int_equal(golden.size, 3 * width * height);
    int most = largest_difference(image.pixels, (uint8_t *)golden.bytes, golden.size);
    if (most > tolerance) fail_msg("%s is %d levels off", name, most);
    image_release(&image);
    buffer_release(&file);
    buffer_release(&golden);
}

static void test_decode(void **state) {
    (void)state;
    FILE *list = fopen("parity/images/decode.txt", "r");
    assert_non_null(list);
    char name[64];
    int width, height, orientation, tolerance, count = 0;
    for (; fscanf(list, "%63s %d %d %d %d", name, &width, &height, &orientation, &tolerance) == 5; count++)
        check_decode(name, width, height, orientation, tolerance);
    assert_true(count >= 40 && feof(list));
    fclose(list);
}

struct resize_case {
    char name[64], kind[16], golden[64];
    int width, height;
    double left, top, right, bottom;
};

static void make(uint8_t *out, const struct resize_case *test, const struct buffer *file) {
    char reason[IMAGE_REASON];
    if (!strcmp(test->kind, "centre")) {
        struct view_options options = {.kind = VIEW_CENTRE_CROP, .size = test->width};
        assert_int_equal(image_view(out, &options, random_key(1, "view"), file->bytes, file->size, reason), 0);
        return;
    }
    struct image image;
    struct image_box box = {test->left, test->top, test->right - test->left, test->bottom - test->top};
    assert_int_equal(image_decode(&image, file->bytes, file->size, reason), 0);
    image_resize(out, test->width, test->height, &image, box);
    image_release(&image);
}

static void check_resize(const struct resize_case *test) {
    struct buffer file, golden;
    read_picture(&file, test->name);
    read_picture(&golden, test->golden);
    assert_int_equal(golden.size, 3 * test->width * test->height);
    uint8_t *out = xmalloc(golden.size);
    make(out, test, &file);
    int most = largest_difference(out, (uint8_t *)golden.bytes, golden.size);
    if (most) fail_msg("%s is %d levels off", test->golden, most);
    free(out);
    buffer_release(&file);
    buffer_release(&golden);
}

static void test_resize(void **state) {
    (void)state;
    FILE *list = fopen("parity/images/resize.txt", "r");
    assert_non_null(list);
    struct resize_case test;
    int count = 0;
    for (; fscanf(list, "%63s %15s %d %d %lf %lf %lf %lf %63s", test.name, test.kind, &test.width, &test.height,
                  &test.left, &test.top, &test.right, &test.bottom, test.golden) == 9;
         count++)
        check_resize(&test);
    assert_true(count == 20 && feof(list));
    fclose(list);
}

struct view_case {
    char name[64], kind[16], filter[16], golden[64];
    int size, fill, tolerance;
};

static enum view_kind kind_of(const char *name) {
    if (!strcmp(name, "centre")) return VIEW_CENTRE_CROP;
    return !strcmp(name, "long") ? VIEW_LONG_SIDE : VIEW_SQUASH;
}

static void check_view(const struct view_case *test) {
    const struct view_options options = {.kind = kind_of(test->kind),
                                         .size = test->size,
                                         .filter = strcmp(test->filter, "bilinear") ? FILTER_BICUBIC : FILTER_BILINEAR,
                                         .fill = (uint8_t)test->fill,
                                         .drops_alpha = true};
    char reason[IMAGE_REASON];
    struct buffer file, golden;
    read_picture(&file, test->name);
    read_picture(&golden, test->golden);
    assert_int_equal(golden.size, 3 * test->size * test->size);
    uint8_t *out = xmalloc(golden.size);
    assert_int_equal(image_view(out, &options, random_key(1, "view"), file.bytes, file.size, reason), 0);
    int most = largest_difference(out, (uint8_t *)golden.bytes, golden.size);
    if (most > test->tolerance) fail_msg("%s %s of %s is %d levels off", test->kind, test->filter, test->name, most);
    free(out);
    buffer_release(&file);
    buffer_release(&golden);
}

// open_clip's evaluation transforms: tests/parity/make_views.py.
static void test_views(void **state) {
    (void)state;
    FILE *list = fopen("parity/views/views.txt", "r");
    assert_non_null(list);
    struct view_case test;
    int count = 0;
    for (; fscanf(list, "%63s %15s %15s %d %d %63s %d", test.name, test.kind, test.filter, &test.size, &test.fill,
                  test.golden, &test.tolerance) == 7;
         count++)
        check_view(&test);
    assert_true(count >= 70 && feof(list));
    fclose(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode), cmocka_unit_test(test_resize),
                                       cmocka_unit_test(test_views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
