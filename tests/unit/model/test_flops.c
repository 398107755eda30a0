// Floating point operations of a model small enough to count by hand; each figure is derived beside it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "model/flops.h"

// Pictures of 2 x 2 patches of 4 x 4 pixels, W = 12, 3 blocks with an MLP of 48; 5 queries, D = 16, E = 9, or 16 in
// open_clip's family; a text block and two of the decoder, MLPs of 64, 20 words.
#define MODEL(first, pool, text)                                                                                       \
    "{" first ", \"vision_cfg\": {\"image_size\": 8, \"patch_size\": 4, \"width\": 12, "                               \
    "\"head_width\": 6, \"layers\": 3, \"attentional_pool\": \"" pool "\", \"attn_pooler_queries\": 5, "               \
    "\"attn_pooler_heads\": 2}, \"text_cfg\": {\"context_length\": 7, \"vocab_size\": 20, \"width\": 16, "             \
    "\"heads\": 4, \"layers\": 1, \"embed_cls\": true" text "}, "                                                      \
    "\"multimodal_cfg\": {\"width\": 16, \"heads\": 4, \"layers\": 2}}"
#define PAPER MODEL("\"family\": \"paper\", \"embed_dim\": 9", "cascade", "")
#define OPEN_CLIP(pool, text) MODEL("\"embed_dim\": 16", pool, text)

static const struct flops_use both = {true, true};

static struct model_config model(const char *text) {
    struct model_config config;
    assert_int_equal(model_config_parse(&config, text, strlen(text), "test.json"), 0);
    return config;
}

static void assert_flops(struct flops flops, double forward, double backward) {
    if (flops.forward != forward || flops.backward != backward)
        fail_msg("%.0f forward and %.0f backward, expected %.0f and %.0f", flops.forward, flops.backward, forward,
                 backward);
}

// A picture: patches 2·4·48·12 = 4,608; a block: qkv 2·4·12·36 = 3,456, 16 pairs 4·16·12 = 768, out 2·4·12·12 = 1,152,
// MLP 2·(2·4·12·48) = 9,216, in all 14,592; three: 43,776; projection 2·16·9 = 288. Sum 48,672.
// First pooler: queries 2·5·16·16 = 2,560 once; a picture: keys and values 2·4·12·32 = 3,072, 20 pairs 1,280, out
// 2,560, in all 6,912. Second: query 512 once; a picture: 2·5·16·32 = 5,120, 5 pairs 320, out 512, in all 5,952.
// Two pictures: 97,344 + 2,560 + 13,824 + 512 + 11,904. Backward twice that, but for the patches once.
static void test_image(void **state) {
    (void)state;
    const struct model_config config = model(PAPER);
    assert_flops(image_flops(&config, both, 2), 126144, 2 * 126144 - 2 * 4608);
}

// Without contrast the second pooler and the projection fall away: 512 + 11,904 + 2·288.
static void test_captions_alone(void **state) {
    (void)state;
    const struct model_config config = model(PAPER);
    assert_true(image_flops(&config, (struct flops_use){.captions = true}, 2).forward == 126144 - 12992);
}

// Poolers that read the tokens side by side, five with the class token: patches 4,608, three blocks of 4,320 + 1,200 +
// 1,440 + 11,520, no projection. Without captions nobody asks the first pooler; the second: query 512 once; a picture:
// 2·5·12·32 = 3,840, 5 pairs 320, out 512.
static void test_contrast_alone(void **state) {
    (void)state;
    const struct model_config config = model(OPEN_CLIP("parallel", ""));
    assert_true(image_flops(&config, (struct flops_use){.contrasts = true}, 2).forward ==
                2 * (4608 + 3 * 18480) + 512 + 2 * 4672);
}

// Five tokens and CLS: 6 rows, 21 pairs: qkv 2·6·16·48 = 9,216, pairs 4·21·16 = 1,344, out 3,072, MLP 24,576; the
// projection of CLS 288. In all 38,496.
static void test_unimodal(void **state) {
    (void)state;
    const struct model_config config = model(PAPER);
    assert_flops(unimodal_flops(&config, both, 2, 5), 76992, 2 * 76992);
    assert_true(unimodal_flops(&config, (struct flops_use){.captions = true}, 2, 5).forward == 76992 - 2 * 288);
}

// With open_clip's mask CLS sees the first padding: 7 rows, 28 pairs: 10,752 + 1,792 + 3,584 + 28,672, and the
// projection 512. A full caption has no padding: 8 rows, 36 pairs either way.
static void test_first_padding(void **state) {
    (void)state;
    const struct model_config legacy = model(OPEN_CLIP("cascade", ""));
    const struct model_config correct = model(OPEN_CLIP("cascade", ", \"correct_cls_mask\": true"));
    assert_true(unimodal_flops(&legacy, both, 1, 5).forward == 45312);
    assert_true(unimodal_flops(&legacy, both, 1, 7).forward == unimodal_flops(&correct, both, 1, 7).forward);
}

// Four targets. Self-attention: 6,144, 10 pairs 640, 2,048; cross-attention: queries 2,048, keys and values of 5
// features 2·5·16·32 = 5,120, 20 pairs 1,280, out 2,048; MLP 16,384. A layer 35,712, two 71,424; words 2·4·16·20.
static void test_multimodal(void **state) {
    (void)state;
    const struct model_config config = model(PAPER);
    assert_flops(multimodal_flops(&config, both, 2, 5), 2 * 73984, 4 * 73984);
    assert_flops(multimodal_flops(&config, (struct flops_use){.contrasts = true}, 2, 5), 0, 0);
}

// open_clip's layers have an MLP behind the self-attention too: 16,384 more in each.
static void test_open_clip_layers(void **state) {
    (void)state;
    const struct model_config cascade = model(OPEN_CLIP("cascade", ""));
    assert_true(multimodal_flops(&cascade, both, 1, 5).forward == 73984 + 2 * 16384);
}

static void test_contrast(void **state) {
    (void)state;
    assert_true(contrastive_flops(CONTRASTIVE_SOFTMAX, 8, 9) == 6 * 1152);
    assert_true(contrastive_flops(CONTRASTIVE_SIGMOID, 8, 9) == 4 * 1152);
}

// The paper's largest model: 6·N·tokens of each part's matrices is the rule of thumb, which leaves attention out.
static void test_rule_of_thumb(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(model_config_read(&config, "../data/models/coca_2b.json"), 0);
    const double W = 1408, hidden = mlp_width(1408, config.vision.mlp_ratio), tokens = 256;
    const double blocks = 40 * (4 * W * W + 2 * W * hidden), attention = 40 * 4 * tokens * tokens * W;
    const double counted = image_flops(&config, both, 1).forward, rule = 2 * blocks * tokens + attention;
    assert_true(counted > rule && counted < 1.05 * rule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_captions_alone),
        cmocka_unit_test(test_contrast_alone),
        cmocka_unit_test(test_unimodal),
        cmocka_unit_test(test_first_padding),
        cmocka_unit_test(test_multimodal),
        cmocka_unit_test(test_open_clip_layers),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_rule_of_thumb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
