// Which parameters a fine-tune leaves alone, and how fast the others learn.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../parts.h"
#include "optim/tuning.h"

static struct model_config read_config(const char *path) {
    struct model_config config;
    assert_int_equal(model_config_read(&config, path), 0);
    return config;
}

// The layout of a part with a tuning applied; the caller frees.
static struct params *tuned(const char *path, const struct model_part *part, struct tuning tuning) {
    struct model_config config = read_config(path);
    struct params *params = params_layout(&config, part);
    tuning_apply(params, &tuning);
    return params;
}

static bool locked(const struct params *params, const char *name) {
    const struct param *param = params_find(params, name);
    if (!param) fail_msg("no %s", name);
    return param->locked;
}

static double rate(const struct params *params, const char *name) {
    const struct param *param = params_find(params, name);
    if (!param) fail_msg("no %s", name);
    return param->rate;
}

#define OPEN_CLIP "parity/open_clip_legacy/model.json" // two blocks in the picture's tower, two in the text's
#define PAPER "parity/wide_vision/model.json"

static void test_nothing_is_locked(void **state) {
    (void)state;
    for (int part = 0; part < MODEL_PARTS; part++) {
        struct params *params = tuned(OPEN_CLIP, model_parts[part], (struct tuning){.layer_decay = 1, .rate = 1});
        for (int i = 0; i < params->count; i++) {
            assert_false(params->item[i].locked);
            assert_true(params->item[i].rate == 1);
        }
        params_free(&params);
    }
}

static void test_a_locked_image_tower(void **state) {
    (void)state;
    static const char *const paths[] = {OPEN_CLIP, PAPER};
    for (int i = 0; i < 2; i++) {
        struct params *image = tuned(paths[i], &image_part, (struct tuning){.lock = true, .layer_decay = 1, .rate = 1});
        assert_true(tuning_locks_all(image));
        params_free(&image);
    }
}

// open_clip's groups from the end: projection; last block with ln_post; the block before; the embeddings. Never
// poolers.
static void test_unlocked_groups(void **state) {
    (void)state;
    static const char *const names[] = {"visual.proj",
                                        "visual.ln_post.weight",
                                        "visual.transformer.resblocks.1.mlp.c_fc.bias",
                                        "visual.transformer.resblocks.0.ln_1.weight",
                                        "visual.class_embedding",
                                        "visual.attn_pool.query"};
    static const int groups[] = {1, 2, 2, 3, 4, 1000}; // so many unlocked groups reach it
    for (int unlocked = 0; unlocked < 9; unlocked++) {
        struct params *image =
            tuned(OPEN_CLIP, &image_part, (struct tuning){.lock = true, .unlocked = unlocked, .layer_decay = 1, .rate = 1});
        for (int i = 0; i < 6; i++) assert_int_equal(locked(image, names[i]), unlocked < groups[i]);
        params_free(&image);
    }
}

// Where two poolers are all that there is behind the blocks, they are the group that the projection is elsewhere.
static void test_poolers_that_end_the_tower(void **state) {
    (void)state;
    for (int unlocked = 0; unlocked < 3; unlocked++) {
        struct params *image = tuned("parity/coca2_cascade/model.json", &image_part,
                                     (struct tuning){.lock = true, .unlocked = unlocked, .layer_decay = 1, .rate = 1});
        assert_int_equal(locked(image, "visual.attn_pool.query"), unlocked < 1);
        assert_int_equal(locked(image, "visual.attn_pool_contrastive.attn.in_proj_bias"), unlocked < 1);
        assert_int_equal(locked(image, "visual.ln_post.weight"), unlocked < 2);
        params_free(&image);
    }
}

static void test_a_locked_text_tower(void **state) {
    (void)state;
    struct params *text = tuned(OPEN_CLIP, &text_part, (struct tuning){.lock = true, .unlocked = 1, .layer_decay = 1, .rate = 1});
    assert_true(locked(text, "text.cls_emb"));
    assert_true(locked(text, "text.ln_final.bias"));
    assert_false(locked(text, "text.text_projection"));
    assert_false(locked(text, "text_decoder.resblocks.0.attn.in_proj_weight"));
    assert_false(locked(text, "text_decoder.text_projection"));
    params_free(&text);
}

static void test_layer_decay(void **state) {
    (void)state;
    const struct tuning tuning = {.layer_decay = 0.5, .rate = 1};
    struct model_config config = read_config(OPEN_CLIP);
    struct params *image = tuned(OPEN_CLIP, &image_part, tuning), *text = tuned(OPEN_CLIP, &text_part, tuning);
    int top = config.text.layers + config.decoder.layers + 1;
    assert_true(rate(image, "visual.proj") == 1);
    assert_true(rate(image, "visual.attn_pool.query") == 1);
    assert_true(rate(image, "visual.transformer.resblocks.1.ln_1.weight") == 0.5);
    assert_true(rate(image, "visual.conv1.weight") == 0.125);
    assert_true(rate(text, "text_decoder.text_projection") == 1);
    assert_true(rate(text, "text_decoder.cross_attn.0.ln_1.weight") == pow(0.5, top - config.text.layers - 1));
    assert_true(rate(text, "text.token_embedding.weight") == pow(0.5, top));
    params_free(&image);
    params_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_locked),   cmocka_unit_test(test_a_locked_image_tower),
        cmocka_unit_test(test_unlocked_groups),     cmocka_unit_test(test_poolers_that_end_the_tower),
        cmocka_unit_test(test_a_locked_text_tower), cmocka_unit_test(test_layer_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
