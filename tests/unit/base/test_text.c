// Beginnings, ends, lists in one text, and bytes that become a line for people.
#include "support.h"

#include "base/text.h"
#include "base/utf8.h"

static void beginnings_and_ends_are_whole(void **state) {
    (void)state;
    assert_true(text_begins("file:x", "file:") && text_begins("file:", "file:") && text_begins("x", ""));
    assert_false(text_begins("file", "file:") || text_begins("", "f") || text_begins("xfile:", "file:"));
    assert_true(text_ends("a.json", ".json") && text_ends(".json", ".json") && text_ends("x", ""));
    assert_false(text_ends("json", ".json") || text_ends("", "n") || text_ends("a.json5", ".json"));
}

static void plain_texts_have_no_control_characters(void **state) {
    (void)state;
    assert_true(text_is_plain("") && text_is_plain("a b/c-1") && text_is_plain("\xc3\xa9\xc2\xa0") &&
                text_is_plain("\xc2"));
    assert_false(text_is_plain("a\n") || text_is_plain("\x01") || text_is_plain("\x7f") || text_is_plain("a\xc2\x9bz"));
}

static void suffixes_of_either_case_are_alike(void **state) {
    (void)state;
    assert_true(text_ends_alike("a.JSON", ".json") && text_ends_alike("A.json", ".Json"));
    assert_false(text_ends_alike("json", ".json") || text_ends_alike("a.jso", ".json"));
    struct buffer lower = {0};
    text_lower(&lower, "", 0);
    assert_string_equal(lower.bytes, "");
    text_lower(&lower, "Az[@\xc3\x84", 6);
    assert_string_equal(lower.bytes, "az[@\xc3\x84");
    buffer_release(&lower);
}

static void assert_parts(const char *text, const char *between, const char *const *wanted) {
    struct strings parts = {0};
    size_t count = 0;
    text_split(&parts, text, between);
    while (wanted[count]) count++;
    assert_int_equal(parts.count, count);
    for (size_t i = 0; i < count; i++) assert_string_equal(parts.item[i], wanted[i]);
    strings_release(&parts);
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__ NULL})

static void a_list_comes_apart(void **state) {
    (void)state;
    assert_parts("a::b/c::d", "::", PARTS("a", "b/c", "d", ));
    assert_parts("a:b", "::", PARTS("a:b", ));
    assert_parts("::a::", "::", PARTS("", "a", "", ));
    assert_parts("a:::b", "::", PARTS("a", ":b", ));
    assert_parts("", "::", PARTS("", ));
    assert_parts(NULL, "::", PARTS());
    assert_parts("1,2", ",", PARTS("1", "2", ));
}

static void assert_clean(const char *text, size_t size, const char *wanted) {
    struct buffer out = {0};
    text_clean(&out, text, size);
    buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, wanted);
    buffer_release(&out);
}

static void a_line_holds_no_controls_and_no_broken_bytes(void **state) {
    (void)state;
    assert_clean("a\tb\nc\x7f\x1b[0m", 10, "a b c  [0m");
    assert_clean("gr\xc3\xbcn", 5, "gr\xc3\xbcn");
    assert_clean("gr\xc3\xbcn\xff\xe2\x82.", 9, "gr\xc3\xbcn??.");
    assert_clean("a\0b", 3, "a b");
    assert_clean("", 0, "");
}

// A terminal takes U+009B for ESC [; U+202E and U+2066 turn round what follows; U+2028 ends a line.
static void characters_that_act_are_not_shown(void **state) {
    (void)state;
    assert_clean("a\xc2\x9b"
                 "1mb\xc2\x80\xc2\x9f\xc2\xa0",
                 12, "a 1mb  \xc2\xa0");
    assert_clean("\xe2\x80\xae|\xe2\x80\xaa|\xe2\x81\xa6|\xe2\x81\xa9", 15, " | | | ");
    assert_clean("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7\xe2\x80\xaf", 12, "  \xe2\x80\xa7\xe2\x80\xaf");
    assert_clean("\xe2\x81\xa5\xe2\x81\xaa\xf0\x9f\x90\xb8", 10, "\xe2\x81\xa5\xe2\x81\xaa\xf0\x9f\x90\xb8");
}

// Names that differ have escapes that differ, and each is UTF-8.
static void names_are_escaped_apart(void **state) {
    (void)state;
    const struct {
        const char *name, *escaped;
    } row[] = {
        {"", ""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9.jpg", "caf\\xe9.jpg"},
        {"caf\\xe9.jpg", "caf\\x5cxe9.jpg"},
        {"a\\b\\", "a\\b\\"},
        {"\\\xe9", "\\\\xe9"},
        {"\xe2\x82", "\\xe2\\x82"},
        {"two\nlines\t.jpg\r", "two\\x0alines\\x09.jpg\\x0d"},
        {"\x1b[0m\x7f", "\\x1b[0m\\x7f"},
        {"\xe2\x80\xaegpj", "\\xe2\\x80\\xaegpj"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct buffer out = {0};
        text_escape(&out, row[i].name, strlen(row[i].name));
        assert_string_equal(out.bytes, row[i].escaped);
        assert_true(utf8_valid(out.bytes, out.size));
        struct buffer name = {0};
        text_unescape(&name, out.bytes, out.size);
        assert_string_equal(name.bytes, row[i].name);
        buffer_release(&name);
        buffer_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beginnings_and_ends_are_whole),
        cmocka_unit_test(plain_texts_have_no_control_characters),
        cmocka_unit_test(suffixes_of_either_case_are_alike),
        cmocka_unit_test(a_list_comes_apart),
        cmocka_unit_test(a_line_holds_no_controls_and_no_broken_bytes),
        cmocka_unit_test(characters_that_act_are_not_shown),
        cmocka_unit_test(names_are_escaped_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
