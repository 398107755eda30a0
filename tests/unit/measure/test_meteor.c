// METEOR's data as a file, damaged ones among them, and scores that can be told by hand; those of METEOR's own program
// are in coca-score/test_scores.c.
#include "../base/support.h"

#include <math.h>
#include <string.h>

#include "measure/meteor.h"
#include "measure/meteor_data_make.h"

#define NEAR 1e-12

static void fill(struct meteor_made *made) {
    meteor_made_mark(made, "the", METEOR_FUNCTION);
    meteor_made_mark(made, "a", METEOR_FUNCTION);
    meteor_made_synset(made, "cat", 7);
    meteor_made_synset(made, "kitty", 3);
    meteor_made_synset(made, "kitty", 7);
    meteor_made_synset(made, "church", 9);
    meteor_made_synset(made, "temple", 9);
    meteor_made_base(made, "kitties", "kitty");
    meteor_made_paraphrase(made, "a lot of", "many");
    meteor_made_paraphrase(made, "a lot", "much");
    meteor_made_paraphrase(made, "a lot of", "several");
}

// The file, written to its path in the test's folder.
static const char *written(void) {
    struct meteor_made made = {.mark = NULL};
    fill(&made);
    const char *path = in_folder("data");
    assert_int_equal(meteor_made_write(&made, path), 0);
    meteor_made_release(&made);
    return path;
}

static uint32_t word(struct meteor_data *data, const char *text) {
    return meteor_data_word(data, text, strlen(text));
}

static void test_what_was_made_is_found(void **state) {
    struct meteor_data data = {.path = NULL};
    (void)state;
    assert_int_equal(meteor_data_open(&data, written()), 0);
    assert_true(meteor_data_marked(&data, word(&data, "the"), METEOR_FUNCTION));
    assert_false(meteor_data_marked(&data, word(&data, "cat"), METEOR_FUNCTION));
    assert_int_equal(word(&data, "ca"), METEOR_NONE);
    assert_int_equal(word(&data, ""), METEOR_NONE);
    assert_false(meteor_data_marked(&data, METEOR_NONE, METEOR_FUNCTION));
    const struct meteor_list synsets = meteor_data_list(&data, METEOR_SYNSETS, word(&data, "kitty"));
    assert_int_equal(synsets.count, 2);
    assert_int_equal(synsets.item[1], 7);
    const struct meteor_list bases = meteor_data_list(&data, METEOR_BASES, word(&data, "kitties"));
    assert_true(bases.count == 1 && *bases.item == word(&data, "kitty"));
    assert_int_equal(meteor_data_list(&data, METEOR_SYNSETS, METEOR_NONE).count, 0);
    assert_int_equal(meteor_data_check(&data), 0);
    meteor_data_close(&data);
}

static void test_phrases_are_walked_word_by_word(void **state) {
    struct meteor_data data = {.path = NULL};
    (void)state;
    assert_int_equal(meteor_data_open(&data, written()), 0);
    struct meteor_walk walk = meteor_walk_begin(&data, word(&data, "a"));
    assert_int_equal(meteor_walk_phrase(&walk, &data), METEOR_NONE);
    meteor_walk_on(&walk, &data, word(&data, "lot"));
    const uint32_t lot = meteor_walk_phrase(&walk, &data);
    assert_int_equal(meteor_data_list(&data, METEOR_PARAPHRASES, lot).count, 1);
    meteor_walk_on(&walk, &data, word(&data, "of"));
    const struct meteor_list found = meteor_data_list(&data, METEOR_PARAPHRASES, meteor_walk_phrase(&walk, &data));
    assert_int_equal(found.count, 2);
    const struct meteor_list first = meteor_data_list(&data, METEOR_PHRASES, found.item[0]);
    assert_true(first.count == 1 && *first.item == word(&data, "many"));
    meteor_walk_on(&walk, &data, METEOR_NONE);
    assert_true(walk.begin == walk.end && meteor_walk_phrase(&walk, &data) == METEOR_NONE);
    meteor_data_close(&data);
}

// What a change to the file's bytes makes of opening it, and the words that it is refused with.
static void assert_refused(size_t place, const void *bytes, size_t size, size_t cut, const char *why) {
    struct buffer file = {0};
    struct meteor_data data = {.path = NULL};
    const char *path = written();
    assert_int_equal(file_read(path, 1 << 20, &file), 0);
    memcpy(file.bytes + place, bytes, size);
    assert_int_equal(file_write(path, file.bytes, file.size - cut), 0);
    listen_in();
    const int status = meteor_data_open(&data, path);
    const char *said = heard();
    assert_int_equal(status, -EXIT_DATA);
    assert_non_null(strstr(said, why));
    assert_non_null(strstr(said, path));
    buffer_release(&file);
}

#define PLACE(member) offsetof(struct meteor_header, member)
static void test_damaged_headers_are_refused(void **state) {
    static const uint64_t far = 1ull << 62, odd = 1004, wrong = 4;
    static const uint32_t two = 2;
    (void)state;
    assert_refused(0, "X", 1, 0, "is not METEOR's data");
    assert_refused(PLACE(version), &two, sizeof two, 0, "another version");
    assert_refused(PLACE(lists), &two, sizeof two, 0, "another version");
    assert_refused(0, "C", 1, 1, "is not as long as it says");
    assert_refused(PLACE(marks), &far, sizeof far, 0, "lie outside");
    assert_refused(PLACE(first), &far, sizeof far, 0, "lie outside");
    for (int name = 0; name < METEOR_LISTS; name++) {
        const size_t place = PLACE(list) + (size_t)name * sizeof(struct meteor_place);
        assert_refused(place + offsetof(struct meteor_place, ends), &odd, sizeof odd, 0, "lie outside");
        assert_refused(place + offsetof(struct meteor_place, items), &far, sizeof far, 0, "lie outside");
        assert_refused(place + offsetof(struct meteor_place, length), &far, sizeof far, 0, "lie outside");
        assert_refused(place + offsetof(struct meteor_place, owners), &wrong, sizeof wrong, 0, "lie outside");
    }
}

static void test_short_and_missing_files_are_refused(void **state) {
    struct meteor_data data = {.path = NULL};
    const char *path = in_folder("short");
    (void)state;
    assert_int_equal(file_write(path, METEOR_MAGIC, 8), 0);
    listen_in();
    const int cut = meteor_data_open(&data, path), missing = meteor_data_open(&data, in_folder("none"));
    const char *said = heard();
    assert_true(cut == -EXIT_DATA && missing == -EXIT_DATA);
    assert_non_null(strstr(said, "data/meteor.sh"));
}

static double score(struct meteor_data *data, const char *candidate, const char *reference) {
    struct caption_set set = {0};
    double each;
    caption_set_picture(&set, candidate, strlen(candidate));
    caption_set_reference(&set, reference, strlen(reference));
    const double all = meteor_scores(&set, set.picture, 1, data, &each);
    caption_set_release(&set);
    assert_true(fabs(all - each) < NEAR);
    return each;
}

// Whatever number stands in a list's place, using it ends, within the file, and is noticed where it cannot be.
static void test_damaged_lists_are_noticed_when_used(void **state) {
    struct buffer file = {0};
    struct meteor_data data = {.path = NULL};
    const char *path = written();
    int noticed = 0;
    (void)state;
    assert_int_equal(file_read(path, 1 << 20, &file), 0);
    for (size_t place = sizeof(struct meteor_header); place + 4 <= file.size; place += 4) {
        char kept[4];
        memcpy(kept, file.bytes + place, 4);
        memset(file.bytes + place, 0xee, 4);
        assert_int_equal(file_write(path, file.bytes, file.size), 0);
        assert_int_equal(meteor_data_open(&data, path), 0);
        score(&data, "many kitties met a lot of cats", "the kitty met several cats");
        listen_in();
        noticed += meteor_data_check(&data) == -EXIT_DATA;
        heard();
        meteor_data_close(&data);
        memcpy(file.bytes + place, kept, 4);
    }
    assert_in_range(noticed, 10, 1000);
    buffer_release(&file);
}

// A caption that matches in one chunk has no penalty, so the score is its module's weight. With a word too many
// precision is 1/2, and the penalty that of a chunk over one match.
static void test_modules_have_their_weights(void **state) {
    struct meteor_data data = {.path = NULL};
    (void)state;
    assert_int_equal(meteor_data_open(&data, written()), 0);
    assert_true(fabs(score(&data, "cat", "cat") - 1) < NEAR);
    assert_true(fabs(score(&data, "jumped", "jumps") - 0.6) < NEAR);
    assert_true(fabs(score(&data, "kitties", "cat") - 0.8) < NEAR);
    assert_true(fabs(score(&data, "churches", "temple") - 0.8) < NEAR);
    assert_true(fabs(score(&data, "a lot of", "many") - 0.6) < NEAR);
    assert_true(score(&data, "dog", "cat") == 0 && score(&data, "", "cat") == 0 && score(&data, "", "") == 0);
    assert_true(fabs(score(&data, "cat cat", "cat") - (1 - 0.6) / (0.15 / 0.5 + 0.85)) < NEAR);
    assert_true(fabs(score(NULL, "jumped", "jumps") - 0.6) < NEAR);
    assert_true(score(NULL, "kitties", "cat") == 0);
    meteor_data_close(&data);
}

// A function word weighs a third of another: 0.25 to 0.75. Equal captions are 1, with "the" missing precision is 1 and
// recall 0.75.
static void test_function_words_weigh_less(void **state) {
    struct meteor_data data = {.path = NULL};
    const double mean = 1 / (0.15 + 0.85 / 0.75), penalty = 0.6;
    (void)state;
    assert_int_equal(meteor_data_open(&data, written()), 0);
    assert_true(fabs(score(&data, "cat", "the cat") - mean * (1 - penalty)) < NEAR);
    assert_true(fabs(score(NULL, "cat", "the cat") - (1 - penalty) / (0.15 + 0.85 / 0.5)) < NEAR);
    meteor_data_close(&data);
}

static void test_a_long_caption_of_one_word(void **state) {
    struct buffer text = {0};
    (void)state;
    for (int i = 0; i < 300; i++) buffer_text(&text, i ? " a" : "a");
    assert_true(fabs(score(NULL, text.bytes, text.bytes) - 1) < NEAR);
    assert_true(score(NULL, text.bytes, "a b a") > 0);
    buffer_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_made_is_found),
        cmocka_unit_test(test_phrases_are_walked_word_by_word),
        cmocka_unit_test(test_damaged_headers_are_refused),
        cmocka_unit_test(test_short_and_missing_files_are_refused),
        cmocka_unit_test(test_damaged_lists_are_noticed_when_used),
        cmocka_unit_test(test_modules_have_their_weights),
        cmocka_unit_test(test_function_words_weigh_less),
        cmocka_unit_test(test_a_long_caption_of_one_word),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
