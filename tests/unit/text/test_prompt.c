#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "text/prompt.h"

static char path[] = "/tmp/coca-prompt-XXXXXX";

static int make_file(void **state) {
    (void)state;
    return close(mkstemp(path));
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void write_file(const char *text, size_t size) {
    assert_int_equal(file_write(path, text, size), 0);
}

static void assert_names(const char *text, const char *const *expected) {
    struct strings names = {0};
    size_t i = 0;
    write_file(text, strlen(text));
    assert_int_equal(names_read(&names, path), 0);
    for (; expected[i]; i++) assert_string_equal(names.item[i], expected[i]);
    assert_int_equal(names.count, i);
    strings_release(&names);
}

// Line n is class n, whatever it holds.
static void test_names(void **state) {
    (void)state;
    assert_names("\xef\xbb\xbf# classes\nT-shirt/top\r\n  Ankle boot\t\nlast",
                 (const char *[]){"# classes", "T-shirt/top", "Ankle boot", "last", NULL});
    assert_names("$\r\n#\r\n%\r\n \r\n\r\n", (const char *[]){"$", "#", "%", NULL});
    assert_names("\n\n", (const char *[]){NULL});
}

static void test_an_empty_line_among_names_is_refused(void **state) {
    (void)state;
    for (const char *const *text = (const char *const[]){"a\n\nb\n", "\na\n", "a\r\n \r\nb", NULL}; *text; text++) {
        struct strings names = {0};
        write_file(*text, strlen(*text));
        assert_int_equal(names_read(&names, path), -EXIT_DATA);
        strings_release(&names);
    }
}

static void test_templates(void **state) {
    (void)state;
    const char text[] = "\xef\xbb\xbf# {}\r\n\r\n a {} \r\nthe {c}";
    struct strings templates = {0};
    write_file(text, sizeof text - 1);
    assert_int_equal(templates_read(&templates, path), 0);
    assert_int_equal(templates.count, 2);
    assert_string_equal(templates.item[0], "a {}");
    assert_string_equal(templates.item[1], "the {c}");
    strings_release(&templates);
}

static void test_lines_refuse_what_is_not_text(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t size;
    } row[] = {{"good\n\xff\n", 7}, {"a\0b\n", 4}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct strings lines = {0};
        write_file(row[i].text, row[i].size);
        assert_int_equal(names_read(&lines, path), -EXIT_DATA);
        strings_release(&lines);
    }
    struct strings lines = {0};
    assert_int_equal(names_read(&lines, "/nonexistent/classes.txt"), -EXIT_DATA);
}

static int read_templates(const char *text) {
    struct strings templates = {0};
    write_file(text, strlen(text));
    int status = templates_read(&templates, path);
    strings_release(&templates);
    return status;
}

static void test_templates_need_a_place(void **state) {
    (void)state;
    assert_int_equal(read_templates("a photo of a {}.\nart of the {c}\n"), 0);
    assert_int_equal(read_templates("a photo of a {}.\na photo\n"), -EXIT_DATA);
    assert_int_equal(read_templates("a { } and {d}\n"), -EXIT_DATA);
    assert_int_equal(read_templates("# nothing\n"), -EXIT_DATA);
}

static void assert_filled(const char *template, const char *expected) {
    struct buffer text = {0};
    prompt_fill(&text, template, "red frog");
    assert_string_equal(text.bytes, expected);
    buffer_release(&text);
}

static void test_fill(void **state) {
    (void)state;
    assert_filled("a photo of a {}.", "a photo of a red frog.");
    assert_filled("{c}", "red frog");
    assert_filled("{} { {c} {", "red frog { red frog {");
}

struct draw {
    struct strings labels, templates;
};

static void setup_draw(struct draw *draw) {
    for (const char *const *label = (const char *const[]){"a", "b", "c", NULL}; *label; label++)
        strings_add_text(&draw->labels, *label);
    strings_add_text(&draw->templates, "1 {}");
    strings_add_text(&draw->templates, "2 {}");
}

static void release_draw(struct draw *draw) {
    strings_release(&draw->labels);
    strings_release(&draw->templates);
}

// All 6 orders and both templates appear about as often as each other, and the key alone decides.
static void test_from_labels(void **state) {
    (void)state;
    static const char *const order[] = {"a, b, c", "a, c, b", "b, a, c", "b, c, a", "c, a, b", "c, b, a"};
    struct draw draw = {0};
    setup_draw(&draw);
    int seen[2][6] = {0};
    struct buffer text = {0}, again = {0};
    for (uint64_t i = 0; i < 2400; i++) {
        const struct random_key key = random_subkey(random_key(1, "prompt"), i);
        buffer_clear(&text);
        buffer_clear(&again);
        prompt_from_labels(&text, &draw.labels, &draw.templates, key);
        prompt_from_labels(&again, &draw.labels, &draw.templates, key);
        assert_string_equal(text.bytes, again.bytes);
        for (int k = 0; k < 6; k++) seen[text.bytes[0] - '1'][k] += !strcmp(text.bytes + 2, order[k]);
    }
    for (int t = 0; t < 2; t++)
        for (int k = 0; k < 6; k++) assert_in_range(seen[t][k], 140, 260); // 200 expected, deviation 14
    buffer_release(&text);
    buffer_release(&again);
    release_draw(&draw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_an_empty_line_among_names_is_refused),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_lines_refuse_what_is_not_text),
        cmocka_unit_test(test_templates_need_a_place),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_from_labels),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
