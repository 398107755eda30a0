// Texts cut into lines: marks, ends of every kind, and numbers.
#include "support.h"

#include "base/lines.h"

static void assert_lines(const char *text, size_t size, const char *const *wanted) {
    struct lines lines;
    const char *line;
    size_t length;
    int64_t count = 0;
    lines_begin(&lines, text, size);
    for (; lines_next(&lines, &line, &length); count++) {
        assert_non_null(wanted[count]);
        assert_int_equal(length, strlen(wanted[count]));
        assert_memory_equal(line, wanted[count], length);
        assert_int_equal(lines.number, count + 1);
    }
    assert_null(wanted[count]);
}
#define LINES(text, ...) assert_lines(text, sizeof(text) - 1, (const char *const[]){__VA_ARGS__ NULL})

static void a_text_is_its_lines(void **state) {
    (void)state;
    LINES("");
    LINES("a", "a", );
    LINES("a\nb", "a", "b", );
    LINES("a\nb\n", "a", "b", );
    LINES("\n\na\n", "", "", "a", );
    assert_lines(NULL, 0, (const char *const[]){NULL});
}

static void ends_and_marks_of_windows_belong_to_no_line(void **state) {
    (void)state;
    LINES("a\r\nb\r\n", "a", "b", );
    LINES("a\r\nb\r", "a", "b", );
    LINES("\r\n\r\n", "", "", );
    LINES("a\rb\n", "a\rb", );
    LINES("\xef\xbb\xbf");
    LINES("\xef\xbb\xbf"
          "a\n\xef\xbb\xbf"
          "b",
          "a",
          "\xef\xbb\xbf"
          "b", );
    LINES("\xef\xbb", "\xef\xbb", );
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_its_lines),
        cmocka_unit_test(ends_and_marks_of_windows_belong_to_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
