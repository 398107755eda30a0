// The scores of captions against those of pycocoevalcap, whole, by domain and by picture
// (tests/parity/make_captions.py).
#include <math.h>
#include <string.h>

#include "../../../stages/coca-score/coco_captions.h"
#include "../../../stages/coca-score/cut.h"
#include "../../../stages/coca-score/meteor_source.h"
#include "../../../stages/coca-score/scores.h"
#include "../base/support.h"
#include "base/json.h"

#define NEAR 1e-9

struct golden {
    struct coco_captions captions;
    struct caption_set set;
    struct caption_scores *each;
    struct meteor_data meteor;
    json_t *expected;
};

static void cut_all(struct golden *golden, enum caption_tokenizer tokenizer) {
    struct buffer tokens = {0};
    for (size_t i = 0; i < golden->captions.pictures; i++) {
        const struct coco_picture *p = &golden->captions.picture[i];
        caption_cut(&tokens, tokenizer, json_string_value(p->candidate), json_string_length(p->candidate));
        caption_set_picture(&golden->set, tokens.bytes, tokens.size);
        for (size_t r = 0; r < p->references; r++) {
            caption_cut(&tokens, tokenizer, json_string_value(p->reference[r]), json_string_length(p->reference[r]));
            caption_set_reference(&golden->set, tokens.bytes, tokens.size);
        }
    }
    buffer_release(&tokens);
}

static int open_golden(void **state, const char *set, enum caption_tokenizer tokenizer) {
    static struct golden golden;
    char references[64], results[64], expected[64];
    snprintf(references, sizeof references, "parity/captions/%s/references.json", set);
    snprintf(results, sizeof results, "parity/captions/%s/results.json", set);
    snprintf(expected, sizeof expected, "parity/captions/%s/golden.json", set);
    golden = (struct golden){.expected = json_read(expected, 1 << 20)};
    assert_int_equal(coco_captions_read(&golden.captions, references, results, NULL), 0);
    cut_all(&golden, tokenizer);
    golden.each = xcalloc(golden.captions.pictures, sizeof *golden.each);
    *state = &golden;
    return 0;
}

static int open_tokens(void **state) {
    return open_golden(state, "none", CAPTION_NONE);
}
static int open_written(void **state) {
    return open_golden(state, "ptb", CAPTION_PTB);
}

// METEOR's data are made of files as its own are.
static int open_meteor(void **state) {
    char path[64];
    struct meteor_made made = {.mark = NULL};
    snprintf(path, sizeof path, "%s", in_folder("english.meteor"));
    open_golden(state, "meteor", CAPTION_NONE);
    assert_int_equal(meteor_source_read(&made, "parity/captions/meteor/source"), 0);
    assert_int_equal(meteor_made_write(&made, path), 0);
    meteor_made_release(&made);
    assert_int_equal(meteor_data_open(&((struct golden *)*state)->meteor, path), 0);
    return 0;
}

static int close_golden(void **state) {
    struct golden *golden = *state;
    meteor_data_close(&golden->meteor);
    coco_captions_release(&golden->captions);
    caption_set_release(&golden->set);
    json_decref(golden->expected);
    free(golden->each);
    return 0;
}

// All numbers of `expected` are among the scores.
static void assert_scores(const struct caption_scores *scores, const json_t *expected) {
    json_t *object = json_object(), *value;
    const char *name;
    caption_scores_add(object, scores);
    json_object_foreach((json_t *)(uintptr_t)expected, name, value) {
        if (!strcmp(name, "image_id")) continue;
        assert_true(json_is_real(json_object_get(object, name)));
        assert_true(fabs(json_real_value(json_object_get(object, name)) - json_real_value(value)) < NEAR);
    }
    assert_int_equal(json_object_size(object), scores->meteor_is_whole ? 8 : 9);
    json_decref(object);
}

static struct caption_scores score(struct golden *golden, const char *domain) {
    struct captioned *picture = xcalloc(golden->captions.pictures, sizeof *picture);
    struct caption_scores corpus;
    size_t count = 0;
    for (size_t i = 0; i < golden->captions.pictures; i++)
        if (!domain || !strcmp(json_string_value(golden->captions.picture[i].domain), domain))
            picture[count++] = golden->set.picture[i];
    struct meteor_data *meteor = golden->meteor.header ? &golden->meteor : NULL;
    assert_int_equal(caption_scores_make(&corpus, golden->each, &golden->set, picture, count, meteor), 0);
    free(picture);
    return corpus;
}

static void test_all_pictures_and_each(void **state) {
    struct golden *golden = *state;
    const struct caption_scores corpus = score(golden, NULL);
    const json_t *each = json_object_get(golden->expected, "each");
    assert_scores(&corpus, json_object_get(golden->expected, "all"));
    assert_int_equal(json_array_size(each), golden->captions.pictures);
    for (size_t i = 0; i < golden->captions.pictures; i++) {
        const json_t *expected = json_array_get(each, i);
        assert_true(json_equal(json_object_get(expected, "image_id"), golden->captions.picture[i].id));
        assert_scores(&golden->each[i], expected);
    }
}

static void test_each_domain_alone(void **state) {
    static const char *const domains[] = {"in-domain", "near-domain", "out-domain"};
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        const struct caption_scores corpus = score(*state, domains[i]);
        assert_scores(&corpus, json_object_get(((struct golden *)*state)->expected, domains[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_pictures_and_each, open_tokens, close_golden),
        cmocka_unit_test_setup_teardown(test_each_domain_alone, open_tokens, close_golden),
        cmocka_unit_test_setup_teardown(test_all_pictures_and_each, open_written, close_golden),
        cmocka_unit_test_setup_teardown(test_each_domain_alone, open_written, close_golden),
        cmocka_unit_test_setup_teardown(test_all_pictures_and_each, open_meteor, close_golden),
        cmocka_unit_test_setup_teardown(test_each_domain_alone, open_meteor, close_golden),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
