// Against open_clip's SimpleTokenizer: clip/make.py.
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

#define SMALL "unit/text/clip/small.txt.gz"
#define CLIP "../data/vocabulary/bpe_simple_vocab_16e6.txt.gz"
enum { PAIRS = 300, SMALL_SIZE = 512 + PAIRS + 2, BOS = 512 + PAIRS, EOS, T = 2048, TEXTS = 1500 };

static struct buffer texts; // each behind its size

static int read_texts(void **state) {
    (void)state;
    return file_read("unit/text/clip/texts", 1 << 20, &texts);
}

static int release_texts(void **state) {
    (void)state;
    buffer_release(&texts);
    return 0;
}

// The text at `*at`, which moves behind it; false at the end.
static bool next_text(size_t *at, const char **text, uint32_t *size) {
    if (*at == texts.size) return false;
    memcpy(size, texts.bytes + *at, 4);
    *text = texts.bytes + *at + 4;
    *at += 4 + *size;
    return true;
}

static uint64_t hash_ids(const int32_t *tokens, int32_t eos) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int t = 0; t == 0 || tokens[t - 1] != eos; t++)
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (((uint32_t)tokens[t] >> shift) & 0xFF)) * 0x100000001B3u;
    return hash;
}

static void check_hashes(const char *vocabulary, const char *hashes) {
    struct tokenizer *tokenizer;
    struct buffer golden = {0};
    static int32_t tokens[T];
    const char *text = "";
    uint32_t size = 0;
    int count = 0;
    assert_int_equal(tokenizer_open(&tokenizer, vocabulary), 0);
    assert_int_equal(file_read(hashes, 1 << 20, &golden), 0);
    for (size_t at = 0; next_text(&at, &text, &size); count++) {
        uint64_t expected;
        assert_true((size_t)count < golden.size / sizeof expected);
        memcpy(&expected, golden.bytes + (size_t)count * sizeof expected, sizeof expected);
        tokenizer_encode(tokenizer, text, size, tokens, T);
        if (hash_ids(tokens, tokenizer_ids(tokenizer).eos) != expected)
            fail_msg("text %d has other ids: %.*s", count, (int)size, text);
    }
    assert_int_equal(count, TEXTS);
    buffer_release(&golden);
    tokenizer_close(&tokenizer);
}

static void ids_are_those_of_open_clip(void **state) {
    (void)state;
    check_hashes(SMALL, "unit/text/clip/small.ids");
}

static void all_forms_of_a_vocabulary_are_the_same(void **state) {
    (void)state;
    static const char *const forms[] = {"unit/text/clip/small/vocab.json", "unit/text/clip/small/merges.txt",
                                        "unit/text/clip/small.json"};
    for (int i = 0; i < 3; i++) check_hashes(forms[i], "unit/text/clip/small.ids");
}

// A copy as an editor of Windows leaves it: a byte order mark in front, lines that end in CR LF.
static void copy_with_marks(const char *from, const char *folder, const char *name) {
    struct buffer text = {0}, out = {0};
    char *path = path_join(folder, name);
    assert_int_equal(file_read(from, 1 << 20, &text), 0);
    buffer_text(&out, "\xef\xbb\xbf");
    for (size_t i = 0; i < text.size; i++)
        buffer_append(&out, text.bytes[i] == '\n' ? "\r\n" : &text.bytes[i], text.bytes[i] == '\n' ? 2 : 1);
    assert_int_equal(file_write(path, out.bytes, out.size), 0);
    buffer_release(&text);
    buffer_release(&out);
    free(path);
}

static void marks_and_line_ends_of_windows_are_no_tokens(void **state) {
    (void)state;
    char folder[] = "/tmp/coca-clip-XXXXXX";
    assert_non_null(mkdtemp(folder));
    copy_with_marks("unit/text/clip/small/vocab.json", folder, "vocab.json");
    copy_with_marks("unit/text/clip/small/merges.txt", folder, "merges.txt");
    copy_with_marks("unit/text/clip/small.json", folder, "tokenizer.json");
    for (const char *const *name = (const char *const[]){"vocab.json", "merges.txt", "tokenizer.json", NULL}; *name;
         name++) {
        char *path = path_join(folder, *name);
        check_hashes(path, "unit/text/clip/small.ids");
        free(path);
    }
    assert_int_equal(directory_remove(folder), 0);
}

static void ids_are_those_of_open_clip_with_its_own_vocabulary(void **state) {
    (void)state;
    if (!file_exists(CLIP)) {
        print_message("skipped: %s is not there; data/clip-vocabulary.sh fetches it\n", CLIP);
        skip();
    }
    check_hashes(CLIP, "unit/text/clip/clip.ids");
}

static void ids_decode_to_the_text_of_open_clip(void **state) {
    (void)state;
    struct tokenizer *tokenizer;
    struct buffer golden = {0}, decoded = {0};
    static int32_t tokens[T];
    const char *text = "";
    uint32_t size = 0;
    size_t at = 0;
    assert_int_equal(tokenizer_open(&tokenizer, SMALL), 0);
    assert_int_equal(file_read("unit/text/clip/small.decoded", 1 << 20, &golden), 0);
    char *rest = golden.bytes, *line;
    int count = 0;
    for (; (line = strsep(&rest, "\n")) && rest; count++) {
        assert_true(next_text(&at, &text, &size));
        tokenizer_encode(tokenizer, text, size, tokens, T);
        buffer_clear(&decoded);
        tokenizer_decode(tokenizer, tokens, T, &decoded);
        assert_string_equal(decoded.bytes ? decoded.bytes : "", line);
    }
    assert_int_equal(count, 200);
    buffer_release(&golden);
    buffer_release(&decoded);
    tokenizer_close(&tokenizer);
}

static void the_end_stays_when_words_are_cut(void **state) {
    (void)state;
    struct tokenizer *tokenizer;
    int32_t all[16], cut[5];
    assert_int_equal(tokenizer_open(&tokenizer, SMALL), 0);
    tokenizer_encode(tokenizer, "zq zq zq zq", 11, all, 16);
    assert_int_equal(all[0], BOS);
    assert_int_equal(all[9], EOS);
    assert_int_equal(all[10], 0);
    tokenizer_encode(tokenizer, "zq zq zq zq", 11, cut, 5);
    assert_memory_equal(cut, all, 4 * sizeof *cut);
    assert_int_equal(cut[4], EOS);
    tokenizer_encode(tokenizer, "", 0, cut, 2);
    assert_true(cut[0] == BOS && cut[1] == EOS);
    tokenizer_close(&tokenizer);
}

// Id 0 pads, and is "!" within a word.
static void padding_is_an_exclamation_mark_before_the_end(void **state) {
    (void)state;
    struct tokenizer *tokenizer;
    struct buffer text = {0};
    int32_t tokens[8];
    assert_int_equal(tokenizer_open(&tokenizer, SMALL), 0);
    tokenizer_encode(tokenizer, "!?", 2, tokens, 8);
    assert_int_equal(tokens[1], 0);
    tokenizer_decode(tokenizer, tokens, 8, &text);
    assert_string_equal(text.bytes, "!?");
    buffer_release(&text);
    tokenizer_close(&tokenizer);
}

static void the_model_must_fit(void **state) {
    (void)state;
    struct tokenizer *tokenizer;
    assert_int_equal(tokenizer_open(&tokenizer, SMALL), 0);
    const struct tokenizer_ids fits = {SMALL_SIZE, 0, BOS, EOS}, clip = {49408, 0, 49406, 49407};
    assert_int_equal(tokenizer_check(tokenizer, fits), 0);
    assert_int_equal(tokenizer_check(tokenizer, clip), -EXIT_USAGE);
    tokenizer_close(&tokenizer);
}

// A word of 64 KiB takes no time: joining is n log n.
static void a_long_word_ends(void **state) {
    (void)state;
    enum { SIZE = 1 << 16 };
    struct tokenizer *tokenizer;
    char *text = xmalloc(SIZE);
    int32_t *tokens = xmalloc(SIZE * sizeof *tokens);
    struct buffer decoded = {0};
    assert_int_equal(tokenizer_open(&tokenizer, SMALL), 0);
    for (int i = 0; i < SIZE; i++) text[i] = "sitting"[i % 7];
    tokenizer_encode(tokenizer, text, SIZE, tokens, SIZE);
    tokenizer_decode(tokenizer, tokens, SIZE, &decoded);
    assert_int_equal(decoded.size, SIZE);
    assert_memory_equal(decoded.bytes, text, SIZE);
    free(text);
    free(tokens);
    buffer_release(&decoded);
    tokenizer_close(&tokenizer);
}

static void refuse(const char *name, const char *content, size_t size) {
    struct tokenizer *tokenizer;
    assert_int_equal(file_write(name, content, size), 0);
    assert_int_equal(tokenizer_open(&tokenizer, name), -EXIT_DATA);
    assert_null(tokenizer);
    unlink(name);
}

#define HEAD "{\"model\": {\"type\": \"BPE\", \"end_of_word_suffix\": \"</w>\", "
static void damaged_files_are_data_errors(void **state) {
    (void)state;
    static const char *const bad[] = {"{",
                                      "{}",
                                      "{\"a\": 0}",
                                      "{\"model\": 3}",
                                      "{\"model\": {\"type\": \"Unigram\"}}",
                                      HEAD "\"vocab\": {}, \"merges\": []}}",
                                      HEAD "\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}",
                                      HEAD "\"vocab\": {\"a\": 1000000000}, \"merges\": []}}",
                                      HEAD "\"vocab\": {\"a\": -1}, \"merges\": []}}",
                                      HEAD "\"vocab\": {\"a\": \"b\"}, \"merges\": []}}",
                                      HEAD "\"vocab\": {\"a\": 0}, \"merges\": [3]}}",
                                      HEAD "\"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}}",
                                      HEAD "\"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}}",
                                      HEAD "\"vocab\": {\"a\": 0}, \"merges\": []}, \"added_tokens\": [{\"id\": 1}]}",
                                      "#version: 0.2\na b\n",
                                      "\"bpe_simple_vocab\na b c\n",
                                      "\"bpe_simple_vocab\nab\n",
                                      "\"bpe_simple_vocab\nq z\nqq z\n"};
    char name[] = "/tmp/coca-clip-XXXXXX";
    close(mkstemp(name));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(name, bad[i], strlen(bad[i]));
    struct buffer whole = {0};
    assert_int_equal(file_read(SMALL, 1 << 20, &whole), 0);
    for (size_t size = 2; size < whole.size; size += 37) refuse(name, whole.bytes, size);
    buffer_release(&whole);
}

// A newline at the list's end is one more token there, which no text has.
static void a_list_may_end_in_a_newline(void **state) {
    (void)state;
    static const char list[] = "\"bpe_simple_vocab\nq z\nqz q</w>\n";
    char name[] = "/tmp/coca-clip-XXXXXX";
    struct tokenizer *tokenizer;
    int32_t tokens[4];
    close(mkstemp(name));
    assert_int_equal(file_write(name, list, strlen(list)), 0);
    assert_int_equal(tokenizer_open(&tokenizer, name), 0);
    assert_int_equal(tokenizer_ids(tokenizer).vocab_size, 512 + 3 + 2);
    tokenizer_encode(tokenizer, "qzq", 3, tokens, 4);
    assert_true(tokens[1] == 513 && tokens[2] == tokenizer_ids(tokenizer).eos);
    tokenizer_close(&tokenizer);
    unlink(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_open_clip),
        cmocka_unit_test(all_forms_of_a_vocabulary_are_the_same),
        cmocka_unit_test(marks_and_line_ends_of_windows_are_no_tokens),
        cmocka_unit_test(ids_are_those_of_open_clip_with_its_own_vocabulary),
        cmocka_unit_test(ids_decode_to_the_text_of_open_clip),
        cmocka_unit_test(the_end_stays_when_words_are_cut),
        cmocka_unit_test(padding_is_an_exclamation_mark_before_the_end),
        cmocka_unit_test(the_model_must_fit),
        cmocka_unit_test(a_long_word_ends),
        cmocka_unit_test(damaged_files_are_data_errors),
        cmocka_unit_test(a_list_may_end_in_a_newline),
    };
    return cmocka_run_group_tests(tests, read_texts, release_texts);
}
