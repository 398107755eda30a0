// Captions as numbers, and scores that can be told by hand; those of pycocoevalcap are in coca-score/test_scores.c.
#include "../base/support.h"

#include <math.h>
#include <string.h>

#include "measure/bleu.h"
#include "measure/cider.h"
#include "measure/rouge_l.h"

#define NEAR 1e-12

static void picture(struct caption_set *set, const char *candidate, const char *first, const char *second) {
    caption_set_picture(set, candidate, strlen(candidate));
    caption_set_reference(set, first, strlen(first));
    if (second) caption_set_reference(set, second, strlen(second));
}

static void test_numbers_last_while_the_table_grows(void **state) {
    struct numbering numbering = {0};
    char text[16];
    (void)state;
    assert_int_equal(numbering_find(&numbering, "", 0), 0);
    for (uint32_t i = 1; i <= 5000; i++)
        assert_int_equal(numbering_add(&numbering, text, (size_t)sprintf(text, "word %u", i)), i);
    for (uint32_t i = 1; i <= 5000; i++)
        assert_int_equal(numbering_find(&numbering, text, (size_t)sprintf(text, "word %u", i)), i);
    assert_int_equal(numbering_find(&numbering, "word", 4), 0);
    assert_int_equal(numbering_add(&numbering, "", 0), 5001);
    assert_int_equal(numbering_add(&numbering, "a\0b", 3), 5002);
    assert_int_equal(numbering_find(&numbering, "a\0c", 3), 0);
    numbering_release(&numbering);
}

static void test_ngrams_are_counted(void **state) {
    struct caption_set set = {0};
    size_t place = 0, count, steps = 0, total = 0;
    uint32_t ngram;
    (void)state;
    picture(&set, "a b a b a b", "a b", NULL);
    const struct caption candidate = caption_set_get(&set, 0), reference = caption_set_get(&set, 1);
    assert_int_equal(candidate.ngrams[0], 6);
    assert_int_equal(candidate.ngrams[3], 3);
    assert_int_equal(reference.ngrams[3], 0);
    for (; caption_next(&candidate, 2, &place, &ngram, &count); total += count) steps++;
    assert_int_equal(steps, 2);
    assert_int_equal(total, 5);
    assert_int_equal(caption_count(&candidate, 2, reference.ngram[1][0]), 3);
    caption_set_release(&set);
}

// Blanks count for pieces, white space of any kind for words.
static void test_texts_are_cut_in_two_ways(void **state) {
    static const struct {
        const char *text;
        size_t pieces, words;
    } cases[] = {{"", 1, 0},
                 {" ", 2, 0},
                 {"a", 1, 1},
                 {"a  b ", 4, 2},
                 {"a\xc2\xa0"
                  "b",
                  1, 2},
                 {"\ta\xe3\x80\x80\n", 1, 1},
                 {"\xe2\x80", 1, 1},
                 {"a\x1f"
                  "b",
                  1, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct caption_set set = {0};
        picture(&set, cases[i].text, "", NULL);
        const struct caption caption = caption_set_get(&set, 0);
        assert_int_equal(caption.pieces, cases[i].pieces);
        assert_int_equal(caption.ngrams[0], cases[i].words);
        caption_set_release(&set);
    }
}

// Lengths 4 and 6 are equally close to 5: the shorter one counts, so nothing is taken off.
static void test_the_closest_reference_is_the_shorter_of_two(void **state) {
    struct caption_set set = {0};
    double corpus[NGRAM_ORDERS], each[1][NGRAM_ORDERS];
    (void)state;
    picture(&set, "a b c d e", "a b c d e f", "a b c d");
    bleu_scores(&set, set.picture, set.pictures, corpus, each);
    assert_true(fabs(corpus[0] - 1) < 1e-9);
    caption_set_release(&set);
}

// Precision 1 is of the second reference, recall 1/2 of the first.
static void test_precision_and_recall_are_best_apart(void **state) {
    struct caption_set set = {0};
    double each[1];
    (void)state;
    picture(&set, "a b", "a x", "a y b y y y");
    const double mean = rouge_l_scores(&set, set.picture, set.pictures, each);
    assert_true(fabs(mean - 2.44 * 0.5 / (0.5 + 1.44)) < NEAR && mean == each[0]);
    caption_set_release(&set);
}

static void test_cider_needs_other_pictures(void **state) {
    struct caption_set set = {0};
    double each[2];
    (void)state;
    picture(&set, "a red ball on grass", "a red ball on grass", NULL);
    picture(&set, "two dogs run away now", "two dogs run away now", NULL);
    assert_true(fabs(cider_scores(&set, set.picture, 2, each) - 10) < NEAR);
    assert_true(cider_scores(&set, set.picture, 1, each) == 0);
    caption_set_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_last_while_the_table_grows),
        cmocka_unit_test(test_ngrams_are_counted),
        cmocka_unit_test(test_texts_are_cut_in_two_ways),
        cmocka_unit_test(test_the_closest_reference_is_the_shorter_of_two),
        cmocka_unit_test(test_precision_and_recall_are_best_apart),
        cmocka_unit_test(test_cider_needs_other_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
