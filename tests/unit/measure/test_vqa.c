// VQA's accuracy against the official evaluation on generated questions (golden/make_vqa.py), rule by rule on texts
// that tell what each rule is, and NLVR2's two measures by hand.
#include <string.h>

#include "../base/support.h"
#include "base/json.h"
#include "measure/nlvr2.h"
#include "measure/vqa.h"
#include "measure/vqa_text.h"

#define NEAR 1e-9

static struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

static struct span text_of(const json_t *object, const char *key) {
    const json_t *text = json_object_get(object, key);
    return (struct span){json_string_value(text), json_string_length(text)};
}

static double percent_of(const json_t *question) {
    const json_t *list = json_object_get(question, "answers");
    struct span answers[10];
    assert_int_equal(json_array_size(list), 10);
    for (size_t i = 0; i < 10; i++) answers[i] = span_of(json_string_value(json_array_get(list, i)));
    return 100 * vqa_accuracy_of(answers, 10, text_of(question, "prediction"));
}

static void check_kinds(const struct vqa_kinds *kinds, const json_t *golden) {
    assert_int_equal(kinds->names.count, json_object_size(golden));
    for (size_t i = 0; i < kinds->names.count; i++) {
        const struct span name = vqa_kind_name(kinds, i);
        const json_t *percent = json_object_getn(golden, name.bytes, name.size);
        assert_float_equal(vqa_percent(kinds->tally[i]), json_number_value(percent), NEAR);
    }
}

static void test_the_official_evaluation_gives_the_same(void **state) {
    json_t *golden = json_read("unit/measure/golden/vqa.json", 1 << 20);
    struct vqa_totals totals = {.all = {0, 0}};
    size_t i;
    json_t *question;
    (void)state;
    assert_int_equal(json_array_size(json_object_get(golden, "questions")), 602);
    json_array_foreach(json_object_get(golden, "questions"), i, question) {
        const double percent = percent_of(question);
        assert_float_equal(percent, json_number_value(json_object_get(question, "percent")), NEAR);
        vqa_totals_add(&totals, percent / 100, text_of(question, "answer_type"), text_of(question, "question_type"));
    }
    assert_float_equal(vqa_percent(totals.all), json_number_value(json_object_get(golden, "overall")), NEAR);
    check_kinds(&totals.answer_types, json_object_get(golden, "answer_types"));
    check_kinds(&totals.question_types, json_object_get(golden, "question_types"));
    vqa_totals_release(&totals);
    json_decref(golden);
}

static void test_its_texts_are_the_same(void **state) {
    json_t *golden = json_read("unit/measure/golden/vqa.json", 1 << 20), *question;
    struct buffer text = {0};
    size_t i;
    (void)state;
    json_array_foreach(json_object_get(golden, "questions"), i, question) {
        buffer_clear(&text);
        vqa_normalise(&text, text_of(question, "prediction"));
        assert_string_equal(text.bytes, json_string_value(json_object_get(question, "normalised")));
    }
    buffer_release(&text);
    json_decref(golden);
}

static void test_rules(void **state) {
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"The  Cat", "cat"},
        {"hot-dog", "hot dog"},
        {"hot -dog", "hot dog"},
        {"hot- dog x-y", "hot dog xy"}, // a blank beside one sign is a blank beside all
        {"1,000 a-b", "1000 ab"},       // a comma in a number deletes every sign
        {"2.5", "2.5"},
        {"5.", "5"},
        {"p.m.", "pm"},
        {"none", "0"},
        {"Dont", "don't"},
        {"Im", "im"}, // the table has it with a capital, which no word has by then
        {"somebody'd", "somebodyd"},
        {"a the an", ""},
        {"", ""},
        {"\xff cat", "\xef\xbf\xbd cat"},
    };
    struct buffer text = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&text);
        vqa_normalise(&text, span_of(cases[i].from));
        assert_string_equal(text.bytes, cases[i].to);
    }
    buffer_clear(&text);
    vqa_answer(&text, span_of("x, 1,y"));
    assert_string_equal(text.bytes, "x 1y");
    buffer_release(&text);
}

// The share of ten is what leaving each annotator out gives.
static void test_scores_are_accuracies(void **state) {
    (void)state;
    for (int count = 0; count <= 10; count++) {
        struct span answers[10];
        for (int i = 0; i < 10; i++) answers[i] = span_of(i < count ? "cat" : "dog");
        assert_float_equal(vqa_score(count), vqa_accuracy_of(answers, 10, span_of("cat")), NEAR);
    }
    const struct span same[] = {{"cat", 3}, {"cat", 3}, {"cat", 3}, {"cat", 3}};
    assert_float_equal(vqa_accuracy_of(same, 4, span_of("Cat")), 0, NEAR);
    assert_float_equal(vqa_accuracy_of(same, 4, span_of(" cat\n")), 1, NEAR);
    assert_float_equal(vqa_accuracy_of(NULL, 0, span_of("cat")), 0, NEAR);
}

static void test_sentences_are_consistent(void **state) {
    static const struct {
        const char *identifier;
        bool is_right;
    } cases[] = {{"dev-1-0-0", true},  {"dev-2-0-0", true}, {"dev-1-1-0", true}, {"dev-2-1-0", false},
                 {"dev-1-0-1", false}, {"other", true},     {"dev-2-2-0", true}};
    struct nlvr2 nlvr2 = {.examples = 0};
    (void)state;
    assert_float_equal(nlvr2_consistency(&nlvr2), 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        nlvr2_add(&nlvr2, span_of(cases[i].identifier), cases[i].is_right);
    assert_float_equal(nlvr2_accuracy(&nlvr2), 5 / 7., NEAR);
    assert_float_equal(nlvr2_consistency(&nlvr2), 2 / 4., NEAR); // dev-1--0 and other, of dev-2--0 and dev-1--1 too
    nlvr2_release(&nlvr2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_official_evaluation_gives_the_same),
                                       cmocka_unit_test(test_its_texts_are_the_same), cmocka_unit_test(test_rules),
                                       cmocka_unit_test(test_scores_are_accuracies),
                                       cmocka_unit_test(test_sentences_are_consistent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
