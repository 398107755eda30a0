// Captions against the tokens that COCO's own program leaves of them (ptb/make.py).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/lines.h"
#include "text/ptb.h"

static void assert_tokens(const char *text, size_t size, const char *expected, size_t expected_size) {
    struct buffer tokens = {0};
    ptb_tokenize(&tokens, text, size);
    if (tokens.size != expected_size || memcmp(tokens.bytes ? tokens.bytes : "", expected, expected_size))
        fail_msg("%.*s\n  gives  %.*s\n  not    %.*s", (int)size, text, (int)tokens.size, tokens.bytes,
                 (int)expected_size, expected);
    buffer_release(&tokens);
}

static void assert_line(const char *json, size_t json_size, const char *expected, size_t expected_size) {
    json_t *text = json_loadb(json, json_size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_true(json_is_string(text));
    assert_tokens(json_string_value(text), json_string_length(text), expected, expected_size);
    json_decref(text);
}

static void read_file(struct buffer *bytes, const char *path) {
    assert_int_equal(file_read(path, 1 << 24, bytes), 0);
}

static void test_golden_lines(void **state) {
    (void)state;
    struct buffer texts = {0}, tokens = {0};
    struct lines from, to;
    const char *text, *expected;
    size_t size, expected_size;
    read_file(&texts, "unit/text/ptb/lines");
    read_file(&tokens, "unit/text/ptb/tokens");
    lines_begin(&from, texts.bytes, texts.size);
    lines_begin(&to, tokens.bytes, tokens.size);
    while (lines_next(&from, &text, &size)) {
        assert_true(lines_next(&to, &expected, &expected_size));
        assert_line(text, size, expected, expected_size);
    }
    assert_false(lines_next(&to, &expected, &expected_size));
    buffer_release(&texts);
    buffer_release(&tokens);
}

static void assert_text(const char *text, const char *expected) {
    assert_tokens(text, strlen(text), expected, strlen(expected));
}

static void test_line_breaks_are_blanks(void **state) {
    (void)state;
    assert_text("a man\non a\r\nhorse", "a man on a horse");
    assert_text("\n", "");
    assert_text("", "");
}

static void test_tokens_are_appended(void **state) {
    (void)state;
    struct buffer out = {0};
    ptb_tokenize(&out, "One.", 4);
    ptb_tokenize(&out, "Two.", 4);
    assert_string_equal(out.bytes, "onetwo");
    buffer_release(&out);
}

static void append_many(struct buffer *text, const char *part, int count) {
    for (int i = 0; i < count; i++) buffer_text(text, part);
}

// No rule may need a stack, or time, that grows faster than the caption.
static void test_long_captions(void **state) {
    (void)state;
    enum { PARTS = 10000 };
    static const char *const parts[] = {
        "a",  "a.", "1.", "1,",        "a-", "a/", "(",  "'",   "a@", "<a ", "<a b=",  "n't", "é",    "&amp;",   "-",
        "&a", "_",  "!",  "http://a.", "1 ", "#",  "#.", "a.-", "“",  "<!",  "&apos;", "o'A", "a-b.", "\xC2\xAD"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buffer text = {0}, out = {0};
        append_many(&text, parts[i], PARTS);
        ptb_tokenize(&out, text.bytes, text.size);
        assert_true(out.size <= 6 * text.size);
        buffer_release(&text);
        buffer_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_lines),
        cmocka_unit_test(test_line_breaks_are_blanks),
        cmocka_unit_test(test_tokens_are_appended),
        cmocka_unit_test(test_long_captions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
