// Lines that name a stretch of a file.
#include "../base/support.h"

#include "dataset/extent.h"

static void what_was_written_is_read(void **state) {
    (void)state;
    const struct extent cases[] = {
        {0, 0, "a", 1, "b"},
        {1536, 70000, "00012.tar/0001 two words.jpg", 28, "/shards/00012.tar"},
        {INT64_MAX - 5, 5, "7 8 nine", 8, "with\ttab and\nline end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer line = {0};
        struct extent read;
        extent_write(&line, &cases[i]);
        assert_true(extent_read(&read, line.bytes));
        assert_int_equal(read.offset, cases[i].offset);
        assert_int_equal(read.length, cases[i].length);
        assert_int_equal(read.name_length, cases[i].name_length);
        assert_memory_equal(read.name, cases[i].name, (size_t)read.name_length);
        assert_string_equal(read.path, cases[i].path);
        buffer_release(&line);
    }
}

static void what_is_no_extent_is_refused(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "1",
        "1 2",
        "1 2 ",
        "1 2 name",
        "1 2 name\t",
        "1 2 \tpath",
        "1 2\tpath",
        "1 name\tpath",
        "-1 2 name\tpath",
        "1 -2 name\tpath",
        "+1 2 name\tpath",
        " 1 2 name\tpath",
        "1  2 name\tpath",
        "1.5 2 name\tpath",
        "0x1 2 name\tpath",
        "1\t2 name\tpath",
        "9223372036854775808 0 name\tpath",
        "0 99999999999999999999 name\tpath",
        "9223372036854775807 1 name\tpath",
        "4611686018427387904 4611686018427387904 name\tpath",
        "/a/picture.jpg",
    };
    struct extent extent;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (extent_read(&extent, lines[i])) fail_msg("\"%s\" was taken", lines[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_is_no_extent_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
