#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "text/tokenizer.h"

#define MODEL "unit/text/data/tiny.model"
#define PAD 0
#define BOS 1
#define EOS 2
#define UNK 3

static struct tokenizer *tokenizer;

static int open_model(void **state) {
    (void)state;
    return tokenizer_open(&tokenizer, MODEL);
}

static int close_model(void **state) {
    (void)state;
    tokenizer_close(&tokenizer);
    return tokenizer != NULL;
}

static void read_lines(struct strings *lines, const char *path) {
    struct buffer file = {0};
    assert_int_equal(file_read(path, 1 << 20, &file), 0);
    char *rest = file.bytes;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) strings_add_text(lines, line);
    buffer_release(&file);
}

static void encode(const char *text, int32_t *tokens, int T) {
    tokenizer_encode(tokenizer, text, strlen(text), tokens, T);
}

// Ids are those of SentencePiece's own program, between BOS and EOS.
static void test_ids_are_those_of_spm_encode(void **state) {
    (void)state;
    struct strings texts = {0}, ids = {0};
    read_lines(&texts, "unit/text/data/tiny.txt");
    read_lines(&ids, "unit/text/data/tiny.ids");
    assert_int_equal(texts.count, ids.count);
    for (size_t i = 0; i < texts.count; i++) {
        int32_t tokens[64];
        encode(texts.item[i], tokens, 64);
        assert_int_equal(tokens[0], BOS);
        int t = 1;
        for (char *at = ids.item[i]; *at;) assert_int_equal(tokens[t++], strtol(at, &at, 10));
        assert_int_equal(tokens[t++], EOS);
        for (; t < 64; t++) assert_int_equal(tokens[t], PAD);
    }
    strings_release(&texts);
    strings_release(&ids);
}

static void test_truncation_keeps_bos_and_eos(void **state) {
    (void)state;
    const char *text = "two green frogs jump over a red ball";
    int32_t whole[64], cut[64];
    encode(text, whole, 64);
    for (int T = 2; T < 10; T++) {
        encode(text, cut, T);
        assert_memory_equal(cut, whole, (size_t)(T - 1) * sizeof *cut);
        assert_int_equal(cut[T - 1], EOS);
    }
}

static void test_empty_text_is_bos_eos(void **state) {
    (void)state;
    int32_t tokens[4];
    tokenizer_encode(tokenizer, NULL, 0, tokens, 4);
    assert_memory_equal(tokens, ((int32_t[]){BOS, EOS, PAD, PAD}), sizeof tokens);
}

static void test_any_bytes_are_survived(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t size;
    } row[] = {{"\xff\xfe\xfd", 3}, {"\xe4\xb8", 2}, {"a\0b", 3}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int32_t tokens[8];
        tokenizer_encode(tokenizer, row[i].text, row[i].size, tokens, 8);
        assert_int_equal(tokens[0], BOS);
        for (int t = 0; t < 8; t++) assert_in_range(tokens[t], 0, tokenizer_ids(tokenizer).vocab_size - 1);
    }
}

static void test_huge_text_fills_T(void **state) {
    (void)state;
    const size_t size = 8u << 20;
    char *text = xmalloc(size);
    for (size_t i = 0; i < size; i++) text[i] = "frog "[i % 5];
    int32_t tokens[16];
    tokenizer_encode(tokenizer, text, size, tokens, 16);
    assert_int_equal(tokens[15], EOS);
    free(text);
}

static void test_decode_reverses_encode(void **state) {
    (void)state;
    const char *text = "a small ball and a blue tree";
    int32_t tokens[64];
    struct buffer back = {0};
    encode(text, tokens, 64);
    tokenizer_decode(tokenizer, tokens, 64, &back);
    assert_string_equal(back.bytes, text);
    buffer_release(&back);
}

static void test_decode_stops_at_eos_and_leaves_out_what_is_no_word(void **state) {
    (void)state;
    int32_t tokens[64];
    encode("red", tokens + 1, 63);
    tokens[0] = 30000; // out of range, as BOS and PAD
    struct buffer text = {0};
    tokenizer_decode(tokenizer, tokens, 64, &text);
    assert_string_equal(text.bytes, "red");
    buffer_clear(&text);
    enum { UNKNOWN = 3 }; // SentencePiece shows it as " \u2047 "
    const int32_t unknown[] = {UNKNOWN, tokens[2], UNKNOWN, UNKNOWN, EOS};
    int32_t known[] = {tokens[2], EOS};
    struct buffer without = {0};
    tokenizer_decode(tokenizer, unknown, 5, &text);
    tokenizer_decode(tokenizer, known, 2, &without);
    assert_true(text.size == without.size && !memcmp(text.bytes, without.bytes, text.size));
    buffer_release(&without);
    buffer_clear(&text);
    const int32_t none[] = {EOS, tokens[2]};
    tokenizer_decode(tokenizer, none, 2, &text);
    assert_int_equal(text.size, 0);
    tokenizer_decode(tokenizer, none, 0, &text);
    assert_int_equal(text.size, 0);
    buffer_release(&text);
}

static void test_ids_and_fingerprint(void **state) {
    (void)state;
    const struct tokenizer_ids ids = tokenizer_ids(tokenizer);
    assert_int_equal(ids.vocab_size, 36);
    assert_int_equal(ids.pad, PAD);
    assert_int_equal(ids.bos, BOS);
    assert_int_equal(ids.eos, EOS);
    struct tokenizer *other;
    assert_int_equal(tokenizer_open(&other, MODEL), 0);
    assert_int_equal(tokenizer_fingerprint(other), tokenizer_fingerprint(tokenizer));
    tokenizer_close(&other);
}

static void test_check_names_the_difference(void **state) {
    (void)state;
    const struct tokenizer_ids same = tokenizer_ids(tokenizer);
    assert_int_equal(tokenizer_check(tokenizer, same), 0);
    struct tokenizer_ids other[4] = {same, same, same, same};
    other[0].vocab_size++, other[1].pad++, other[2].bos++, other[3].eos++;
    for (int i = 0; i < 4; i++) assert_int_equal(tokenizer_check(tokenizer, other[i]), -EXIT_USAGE);
}

// Every cut of the file, and files that are something else, are refused or read; none crashes.
static void test_damaged_files_are_data_errors(void **state) {
    (void)state;
    char path[] = "/tmp/coca-tokenizer-XXXXXX";
    close(mkstemp(path));
    struct buffer file = {0};
    assert_int_equal(file_read(MODEL, 1 << 20, &file), 0);
    for (size_t size = 0; size < file.size; size += 1 + size / 8) {
        struct tokenizer *cut = NULL;
        assert_int_equal(file_write(path, file.bytes, size), 0);
        int status = tokenizer_open(&cut, path);
        assert_true(status == 0 || status == -EXIT_DATA);
        assert_int_equal(cut != NULL, status == 0);
        tokenizer_close(&cut);
    }
    struct tokenizer *none;
    assert_int_equal(file_write(path, "{\"not\": \"a model\"}", 18), 0);
    assert_int_equal(tokenizer_open(&none, path), -EXIT_DATA);
    assert_int_equal(tokenizer_open(&none, "/nonexistent/vocabulary.model"), -EXIT_DATA);
    unlink(path);
    buffer_release(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_those_of_spm_encode),
        cmocka_unit_test(test_truncation_keeps_bos_and_eos),
        cmocka_unit_test(test_empty_text_is_bos_eos),
        cmocka_unit_test(test_any_bytes_are_survived),
        cmocka_unit_test(test_huge_text_fills_T),
        cmocka_unit_test(test_decode_reverses_encode),
        cmocka_unit_test(test_decode_stops_at_eos_and_leaves_out_what_is_no_word),
        cmocka_unit_test(test_ids_and_fingerprint),
        cmocka_unit_test(test_check_names_the_difference),
        cmocka_unit_test(test_damaged_files_are_data_errors),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
