// Captions against the words that METEOR's own program cuts them into (meteor/make.py).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/file.h"
#include "text/meteor_words.h"

static enum meteor_prefix prefix_of(void *context, const char *word, size_t size) {
    (void)context;
    if (size == 2 && !memcmp(word, "No", 2)) return METEOR_NUMBER_PREFIX;
    return (size == 2 && !memcmp(word, "Mr", 2)) || (size == 1 && *word == 'v') ? METEOR_PREFIX : METEOR_NO_PREFIX;
}

// Up to the line feed; `text` goes on behind it.
static const char *take_line(const char **text, size_t *size) {
    const char *line = *text;
    *size = strcspn(line, "\n");
    *text = line + *size + 1;
    return line;
}

static void test_words_are_the_program_s(void **state) {
    struct buffer file = {0}, words = {0};
    int lines = 0;
    (void)state;
    assert_int_equal(file_read("unit/text/meteor/words.txt", 1 << 20, &file), 0);
    for (const char *at = file.bytes; *at; lines++) {
        size_t size, expected_size;
        const char *line = take_line(&at, &size), *expected = take_line(&at, &expected_size);
        buffer_clear(&words);
        buffer_text(&words, "");
        meteor_words(&words, line, size, prefix_of, NULL);
        if (words.size != expected_size || memcmp(words.bytes, expected, expected_size))
            fail_msg("%.*s\n  gives  %s\n  not    %.*s", (int)size, line, words.bytes, (int)expected_size, expected);
    }
    assert_int_equal(lines, 420);
    buffer_release(&file);
    buffer_release(&words);
}

static void test_line_breaks_are_blanks_and_what_is_there_stays(void **state) {
    struct buffer words = {0};
    (void)state;
    buffer_text(&words, "before ");
    meteor_words(&words, "A\nb\r\nc", 6, prefix_of, NULL);
    assert_string_equal(words.bytes, "before a b c");
    buffer_release(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_the_program_s),
        cmocka_unit_test(test_line_breaks_are_blanks_and_what_is_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
