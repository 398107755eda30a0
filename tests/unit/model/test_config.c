// Configurations: what is read, what is defaulted, what is refused and how.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/params/config.h"

static const char good[] =
    "{\"family\": \"paper\", \"embed_dim\": 9, \"vision_cfg\": {\"image_size\": 8, \"patch_size\": 4, \"width\": 12, "
    "\"head_width\": 6, \"layers\": 3, \"attentional_pool\": \"cascade\", \"attn_pooler_queries\": 5, "
    "\"attn_pooler_heads\": 2}, \"text_cfg\": {\"context_length\": 7, \"vocab_size\": 20, \"width\": 16, \"heads\": 4, "
    "\"layers\": 1, \"embed_cls\": true}, \"multimodal_cfg\": {\"width\": 16, \"heads\": 4, \"layers\": 2}}";

// The good configuration with the first `from` in it replaced.
static char *with(const char *from, const char *to) {
    const char *at = strstr(good, from);
    if (!at) fail_msg("%s is not in the good configuration", from);
    return xformat("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static int parse(struct model_config *config, const char *text) {
    return model_config_parse(config, text, strlen(text), "test.json");
}

static void test_what_is_read_and_defaulted(void **state) {
    (void)state;
    struct model_config config;
    char *text = with("\"embed_cls\": true", "\"embed_cls\": true, \"mlp_ratio\": 2.5, \"output_tokens\": true");
    assert_int_equal(parse(&config, text), 0);
    free(text);
    assert_int_equal(config.embed_dim, 9);
    assert_int_equal(config.activation, ACTIVATION_GELU);
    assert_int_equal(config.vision.layers, 3);
    assert_true(config.vision.mlp_ratio == 4);
    assert_true(config.vision.mean[0] == 0.48145466f && config.vision.std[2] == 0.27577711f);
    assert_true(config.text.mlp_ratio == 2.5);
    assert_int_equal(config.text.pad_id, 0);
    assert_int_equal(config.text.bos_id, 1);
    assert_int_equal(config.text.eos_id, 2);
    assert_int_equal(config.decoder.layers, 2);
    assert_int_equal(config_image_tokens(&config), 4);
    assert_int_equal(config_feature_tokens(&config), 5);
    assert_int_equal(mlp_width(config.text.width, config.text.mlp_ratio), 40);
}

static void test_hub_file_brings_its_preprocessing(void **state) {
    (void)state;
    struct model_config config;
    char *text = xformat("{\"model_cfg\": %s, \"preprocess_cfg\": {\"mean\": [0.5, 0.25, 0], \"std\": [1, 2, 3], "
                         "\"interpolation\": \"bicubic\"}}",
                         good);
    assert_int_equal(parse(&config, text), 0);
    assert_true(config.vision.mean[1] == 0.25f && config.vision.std[2] == 3);
    free(text);
}

// open_clip's own defaults, ids of CLIP's vocabulary, and what its code makes of a model.
static void test_open_clip_presets(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(model_config_read(&config, "../data/models/coca_ViT-B-32.json"), 0);
    assert_int_equal(config.family, FAMILY_OPEN_CLIP);
    assert_int_equal(config.activation, ACTIVATION_GELU);
    assert_true(config.vision.class_token && config.vision.ln_pre && config.decoder.self_mlp);
    assert_int_equal(config.vision.pool, POOL_SINGLE);
    assert_int_equal(config.vision.queries, 256);
    assert_int_equal(config.text.pad_id, 0);
    assert_int_equal(config.text.bos_id, 49406);
    assert_int_equal(config.text.eos_id, 49407);
    assert_true(config.text.pad_inside && !config.text.correct_cls_mask);
    assert_int_equal(config_image_tokens(&config), 50);
    assert_int_equal(config_feature_tokens(&config), 255);
}

// open_clip's coca_base, which has no pooler and a vocabulary with rows that CLIP's does not use.
static void test_open_clip_without_pooler(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(
        parse(&config, "{\"embed_dim\": 512, \"multimodal_cfg\": {\"width\": 768, \"context_length\": 76, "
                       "\"vocab_size\": 64000, \"mlp_ratio\": 4, \"layers\": 12, \"dim_head\": 64, \"heads\": 12, "
                       "\"n_queries\": 256, \"attn_pooler_heads\": 8}, \"vision_cfg\": {\"image_size\": 288, "
                       "\"layers\": 12, \"width\": 768, \"patch_size\": 18, \"output_tokens\": true}, \"text_cfg\": "
                       "{\"context_length\": 76, \"vocab_size\": 64000, \"layers\": 12, \"heads\": 12, \"width\": 768, "
                       "\"embed_cls\": true, \"output_tokens\": true}, \"custom_text\": true}"),
        0);
    assert_int_equal(config.vision.pool, POOL_NONE);
    assert_int_equal(config.text.eos_id, 49407);
    assert_int_equal(config_image_tokens(&config), 257);
    assert_int_equal(config_feature_tokens(&config), 256);
}

// A small model of open_clip's in which the first `from` is replaced; "" for none.
static char *open_clip_with(const char *from, const char *to) {
    static const char text[] =
        "{\"embed_dim\": 16, \"quick_gelu\": true, \"vision_cfg\": {\"image_size\": 8, \"patch_size\": 4, "
        "\"width\": 12, \"head_width\": 6, \"layers\": 3, \"attentional_pool\": true, \"attn_pooler_queries\": 5}, "
        "\"text_cfg\": {\"context_length\": 7, \"vocab_size\": 20, \"width\": 16, \"heads\": 4, \"layers\": 1, "
        "\"embed_cls\": true}, \"multimodal_cfg\": {\"width\": 16, \"heads\": 4, \"layers\": 2}}";
    const char *at = strstr(text, from);
    if (!at) fail_msg("%s is not in the configuration", from);
    return xformat("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_open_clip_is_read(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"", ""},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"init_logit_bias\": null, \"pad_id\": 0"},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"init_logit_bias\": -10, \"init_logit_scale\": 2.3"},
        {"\"layers\": 3", "\"layers\": 3, \"patch_dropout\": 0.0, \"pool_type\": \"tok\""},
        {"\"layers\": 3", "\"layers\": 3, \"timm_model_name\": null, \"timm_pool\": \"avg\""},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"correct_cls_mask\": true"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"hf_model_pretrained\": true, \"eos_id\": 2"},
        {"\"attentional_pool\": true", "\"attn_pooler_heads\": 8, \"attentional_pool\": true, \"qk_norm\": false"},
        {"\"image_size\": 8, \"patch_size\": 4", "\"image_size\": [8, 8], \"patch_size\": [4, 4]"},
        {"\"layers\": 3", "\"layers\": 3, \"act_kwargs\": {}, \"norm_kwargs\": null, \"image_seq_len\": null"},
        {"\"layers\": 2", "\"layers\": 2, \"context_length\": 77"},
        {"\"layers\": 2", "\"layers\": 2, \"cross_attn_ratio\": 1, \"use_pad_mask\": true, \"tie_lm_head\": false"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"text_arch\": \"clip\", \"variable_text\": false, "
                                "\"tokenizer_type\": \"\", \"bos_id\": null, \"eos_id\": null"},
    };
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        struct model_config config;
        char *text = open_clip_with(change[i][0], change[i][1]);
        if (parse(&config, text)) fail_msg("refused: %s", change[i][1]);
        assert_int_equal(config.activation, ACTIVATION_QUICK_GELU);
        assert_int_equal(config.text.bos_id, 18);
        assert_int_equal(config.text.correct_cls_mask, strstr(text, "correct_cls_mask") != NULL);
        assert_int_equal(config_feature_tokens(&config), 4);
        free(text);
    }
}

// Ids of other vocabularies, and open_clip 3.3.0's default of an id that CoCa does not use.
static void test_open_clip_ids(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int pad, bos, eos;
    } row[] = {
        {"\"pad_id\": 3, \"bos_id\": 1, \"eos_id\": 2", 3, 1, 2},
        {"\"bos_id\": 4, \"eos_id\": 7", 0, 4, 7},
        {"\"eos_id\": 7", 0, 18, 7},
        {"\"bos_id\": 1", 0, 1, 19},
        {"\"eos_id\": 2", 0, 18, 19},
        {"\"pad_id\": 5", 5, 18, 19},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct model_config config;
        char *keys = xformat("\"embed_cls\": true, %s", row[i].text);
        char *text = open_clip_with("\"embed_cls\": true", keys);
        assert_int_equal(parse(&config, text), 0);
        assert_int_equal(config.text.pad_id, row[i].pad);
        assert_int_equal(config.text.bos_id, row[i].bos);
        assert_int_equal(config.text.eos_id, row[i].eos);
        assert_true(config.text.pad_inside);
        free(text);
        free(keys);
    }
}

static void test_numbers_for_all_channels(void **state) {
    (void)state;
    struct model_config config;
    char *model = open_clip_with("\"layers\": 3", "\"layers\": 3, \"mean\": 0.25");
    char *text = xformat("{\"model_cfg\": %s, \"preprocess_cfg\": {\"std\": 0.5, \"size\": [8, 8]}}", model);
    assert_int_equal(parse(&config, text), 0);
    for (int c = 0; c < 3; c++) assert_true(config.vision.mean[c] == 0.25f && config.vision.std[c] == 0.5f);
    free(text);
    free(model);
}

// Whether visual.proj is there is not said by open_clip's files: later versions have none, and then poolers may be
// wider or narrower than the tower. A run's own file says it.
static void test_two_poolers_and_their_projection(void **state) {
    (void)state;
    static const char *const kind[] = {"parallel", "cascade"};
    for (int i = 0; i < 2; i++) {
        struct model_config config, with_proj, written;
        char *pool = xformat("\"attentional_pool\": \"%s\"", kind[i]);
        char *text = open_clip_with("\"attentional_pool\": true", pool);
        assert_int_equal(parse(&config, text), 0);
        assert_true(config.vision.proj_is_open && !config.vision.proj);
        with_proj = config;
        model_config_use_proj(&with_proj, true);
        assert_true(with_proj.vision.proj && with_proj.fingerprint != config.fingerprint);
        json_t *document = json_loads(text, 0, NULL);
        model_config_use_proj_json(document, true);
        char *own = json_dumps(document, 0);
        assert_int_equal(parse(&written, own), 0);
        assert_true(written.vision.proj && !written.vision.proj_is_open);
        assert_true(written.fingerprint == with_proj.fingerprint);
        json_decref(document);
        free(own);
        free(text);
        free(pool);
    }
}

static void test_other_poolings_have_a_projection(void **state) {
    (void)state;
    struct model_config config;
    char *single = open_clip_with("", ""), *said = with("\"layers\": 3", "\"layers\": 3, \"attn_pool_proj\": true");
    assert_int_equal(parse(&config, single), 0);
    assert_true(config.vision.proj && !config.vision.proj_is_open);
    assert_int_equal(parse(&config, good), 0);
    assert_true(config.vision.proj && !config.vision.proj_is_open);
    assert_int_equal(parse(&config, said), -EXIT_USAGE);
    free(single);
    free(said);
}

static void test_open_clip_refusals(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"family\": \"open_clip\""},
        {"\"embed_dim\": 16", "\"embed_dim\": 12"},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"init_logit_bias\": \"-10\""},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"init_logit_scale\": 101"},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"logit_bias\": null"},
        {"\"quick_gelu\": true", "\"quick_gelu\": 1"},
        {"\"layers\": 3", "\"layers\": 3, \"no_ln_pre\": true"},
        {"\"layers\": 3", "\"layers\": 3, \"pool_type\": \"avg\""},
        {"\"layers\": 3", "\"layers\": [3, 4, 6, 3]"},
        {"\"layers\": 3", "\"layers\": 3, \"timm_model_name\": \"vit\""},
        {"\"attn_pooler_queries\": 5", "\"attn_pooler_queries\": 1"},
        {"\"attentional_pool\": true, ", ""},
        {"\"attentional_pool\": true", "\"attentional_pool\": \"both\""},
        {"\"image_size\": 8", "\"image_size\": [8, 12]"},
        {"\"image_size\": 8", "\"image_size\": [8]"},
        {"\"image_size\": 8", "\"image_size\": [8, 8, 3]"},
        {"\"image_size\": 8", "\"image_size\": [8.5, 8.5]"},
        {"\"image_size\": 8", "\"image_size\": [0, 0]"},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": \"0.5\""},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": [0.5]"},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": 1e39"},
        {"\"layers\": 3", "\"layers\": 3, \"std\": 0"},
        {"\"layers\": 3", "\"layers\": 3, \"act_kwargs\": {\"approximate\": \"tanh\"}"},
        {"\"embed_dim\": 16", "\"embed_dim\": 16, \"pad_id\": 1"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"bos_id\": 0"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"bos_id\": 19"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"pad_id\": 20"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"text_arch\": \"modern\""},
        {"\"layers\": 2", "\"layers\": 2, \"text_arch\": \"modern\""},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"hf_model_name\": \"roberta-base\""},
        {"\"embed_cls\": true", "\"embed_cls\": false"},
        {"\"vocab_size\": 20", "\"vocab_size\": 2"},
        {"\"layers\": 2", "\"layers\": 2, \"mlp_ratio\": 3"},
        {"\"layers\": 2", "\"layers\": 2, \"ls_init_value\": 1"},
        {"\"layers\": 2", "\"layers\": 2, \"vocab_size\": 21"},
        {"\"layers\": 2", "\"layers\": 2, \"context_length\": 6"},
    };
    struct model_config config;
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        char *text = open_clip_with(change[i][0], change[i][1]);
        if (parse(&config, text) != -EXIT_USAGE) fail_msg("not refused: %s for %s", change[i][1], change[i][0]);
        free(text);
    }
}

static void test_preprocessing(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status, resize, fill;
    } row[] = {
        {"{}", 0, RESIZE_SHORTEST, 0},
        {"{\"resize_mode\": \"squash\", \"size\": [8, 8], \"mode\": \"RGB\", \"interpolation\": \"bicubic\"}", 0,
         RESIZE_SQUASH, 0},
        {"{\"resize_mode\": \"longest\", \"fill_color\": 7}", 0, RESIZE_LONGEST, 7},
        {"{\"resize_mode\": \"tallest\"}", -EXIT_USAGE, 0, 0},
        {"{\"interpolation\": \"bilinear\"}", 0, RESIZE_SHORTEST, 0},
        {"{\"interpolation\": \"nearest\"}", -EXIT_USAGE, 0, 0},
        {"{\"fill_color\": 256}", -EXIT_USAGE, 0, 0},
        {"{\"colour\": 1}", -EXIT_USAGE, 0, 0},
        {"7", -EXIT_USAGE, 0, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct model_config config;
        char *model = open_clip_with("", "");
        char *text = xformat("{\"model_cfg\": %s, \"preprocess_cfg\": %s}", model, row[i].text);
        assert_int_equal(parse(&config, text), row[i].status);
        if (!row[i].status) {
            assert_int_equal(config.preprocess.resize, row[i].resize);
            assert_int_equal(config.preprocess.fill, row[i].fill);
        }
        free(text);
        free(model);
    }
}

static void test_texts_that_are_no_model(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(parse(&config, ""), -EXIT_DATA);
    assert_int_equal(parse(&config, "{"), -EXIT_DATA);
    assert_int_equal(parse(&config, "{\"embed_dim\": 1, \"embed_dim\": 2}"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "[]"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{}"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{\"family\": \"paper\"}"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{\"family\": \"paper\", \"embed_dim\": 9}"), -EXIT_USAGE);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"\"family\": \"paper\", ", ""},
        {"paper", "clip"},
        {"\"embed_dim\": 9, ", ""},
        {"\"embed_dim\": 9", "\"embed_dim\": 0"},
        {"\"embed_dim\": 9", "\"embed_dim\": 9, \"quick_gelu\": true"},
        {"multimodal_cfg", "decoder_cfg"},
        {"\"patch_size\": 4", "\"patch_size\": 3"},
        {"\"patch_size\": 4", "\"patch_size\": 0"},
        {"\"patch_size\": 4", "\"patch_size\": 4, \"patch_dropout\": 0.5"},
        {"\"image_size\": 8, ", "\"image_size\": 8000, "},
        {"\"width\": 12", "\"width\": 99999999"},
        {"\"width\": 12", "\"width\": 12.5"},
        {"\"head_width\": 6", "\"head_width\": 5"},
        {"\"layers\": 3", "\"layers\": 3, \"mlp_ratio\": 0"},
        {"\"layers\": 3", "\"layers\": 3, \"mlp_ratio\": 0.01"},
        {"\"layers\": 3", "\"layers\": 3, \"mlp_ratio\": 65"},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": [1, 2]"},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": [1, 2, \"3\"]"},
        {"\"layers\": 3", "\"layers\": 3, \"std\": [1, 0, 1]"},
        {"\"cascade\"", "\"parallel\""},
        {"\"cascade\"", "true"},
        {"\"cascade\"", "7"},
        {"\"attn_pooler_heads\": 2", "\"attn_pooler_heads\": 3"},
        {"\"context_length\": 7", "\"context_length\": 1"},
        {"\"vocab_size\": 20", "\"vocab_size\": 2"},
        {"\"heads\": 4", "\"heads\": 3"},
        {"\"width\": 16", "\"width\": 32"},
        {"\"embed_cls\": true", "\"embed_cls\": false"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"pad_id\": 2"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"eos_id\": 20"},
        {"\"layers\": 2", "\"layers\": 2, \"context_length\": 8"},
        {"\"layers\": 2", "\"layers\": 2, \"vocab_size\": 21"},
        {"\"layers\": 2", "\"layers\": 2, \"ls_init_value\": 1"},
    };
    struct model_config config;
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        char *text = with(change[i][0], change[i][1]);
        if (parse(&config, text) != -EXIT_USAGE) fail_msg("not refused: %s for %s", change[i][1], change[i][0]);
        free(text);
    }
}

static void test_every_number_counts_in_the_fingerprint(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"\"embed_dim\": 9", "\"embed_dim\": 8"},
        {"\"embed_dim\": 9", "\"embed_dim\": 9, \"init_logit_scale\": 2"},
        {"\"embed_dim\": 9", "\"embed_dim\": 9, \"init_logit_bias\": 0"},
        {"\"image_size\": 8", "\"image_size\": 12"},
        {"\"patch_size\": 4", "\"patch_size\": 2"},
        {"\"width\": 12", "\"width\": 18"},
        {"\"head_width\": 6", "\"head_width\": 4"},
        {"\"layers\": 3", "\"layers\": 4"},
        {"\"layers\": 3", "\"layers\": 3, \"mean\": [0, 0, 0]"},
        {"\"layers\": 3", "\"layers\": 3, \"std\": [1, 1, 1]"},
        {"\"attn_pooler_queries\": 5", "\"attn_pooler_queries\": 6"},
        {"\"attn_pooler_heads\": 2", "\"attn_pooler_heads\": 4"},
        {"\"context_length\": 7", "\"context_length\": 8"},
        {"\"vocab_size\": 20", "\"vocab_size\": 21"},
        {"\"heads\": 4", "\"heads\": 2"},
        {"\"layers\": 1", "\"layers\": 2"},
        {"\"embed_cls\": true", "\"embed_cls\": true, \"eos_id\": 3"},
        {"\"layers\": 2", "\"layers\": 3"},
        {"\"layers\": 2", "\"layers\": 2, \"mlp_ratio\": 4.5"},
    };
    struct model_config first, other;
    assert_int_equal(parse(&first, good), 0);
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        char *text = with(change[i][0], change[i][1]);
        assert_int_equal(parse(&other, text), 0);
        if (other.fingerprint == first.fingerprint) fail_msg("same fingerprint with %s", change[i][1]);
        free(text);
    }
}

// Checkpoints hold them.
static void test_fingerprints_are_those_of_old(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(model_config_read(&config, "../data/models/coca_tiny.json"), 0);
    assert_true(config.fingerprint == UINT64_C(0xcbedc2e1ebed9422));
    assert_int_equal(model_config_read(&config, "../data/models/coca_ViT-B-32.json"), 0);
    assert_true(config.fingerprint == UINT64_C(0x61e9eb931f23a0e1));
}

// A configuration that is made for the sigmoid loss in memory is the same as one made so in its file.
static void test_the_sigmoid_loss(void **state) {
    (void)state;
    char *hub = xformat("{\"model_cfg\": %s}", good);
    const char *const files[] = {good, hub};
    for (int i = 0; i < 2; i++) {
        struct model_config config, written;
        json_t *document = json_loads(files[i], 0, NULL);
        model_config_use_sigmoid_json(document);
        char *text = json_dumps(document, JSON_REAL_PRECISION(17));
        assert_int_equal(parse(&config, files[i]), 0);
        assert_false(config.logit_bias);
        model_config_use_sigmoid(&config);
        assert_int_equal(parse(&written, text), 0);
        assert_true(config.logit_bias && config.init_logit_bias == -10 && config.init_logit_scale == log(10));
        assert_true(written.fingerprint == config.fingerprint && written.init_logit_scale == log(10));
        free(text);
        json_decref(document);
    }
    free(hub);
}

// Pictures of another size: the same of a configuration in memory as of its file, of either layout.
static void test_another_image_size(void **state) {
    (void)state;
    char *hub = xformat("{\"model_cfg\": %s, \"preprocess_cfg\": {\"size\": 8}}", good);
    const char *const files[] = {good, hub};
    for (int i = 0; i < 2; i++) {
        struct model_config config, written;
        json_t *document = json_loads(files[i], 0, NULL);
        model_config_use_image_size_json(document, 20);
        char *text = json_dumps(document, JSON_REAL_PRECISION(17));
        assert_int_equal(parse(&config, files[i]), 0);
        assert_int_equal(model_config_use_image_size(&config, 20), 0);
        assert_int_equal(parse(&written, text), 0);
        assert_int_equal(config_patches(&config), 25);
        assert_true(written.fingerprint == config.fingerprint && written.vision.image_size == 20);
        if (i)
            assert_int_equal(json_integer_value(json_object_get(json_object_get(document, "preprocess_cfg"), "size")),
                             20);
        free(text);
        json_decref(document);
    }
    free(hub);
}

static void test_image_sizes_that_do_not_fit(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(parse(&config, good), 0);
    uint64_t fingerprint = config.fingerprint;
    static const int sizes[] = {3, 9, 4 * 257};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(model_config_use_image_size(&config, sizes[i]), -EXIT_USAGE);
    assert_true(config.fingerprint == fingerprint && config.vision.image_size == 8);
    assert_int_equal(model_config_use_image_size(&config, 4 * 256), 0);
}

// What was made for it is left alone.
static void test_the_sigmoid_loss_of_somebody_else(void **state) {
    (void)state;
    struct model_config config;
    char *text = with("\"embed_dim\": 9", "\"embed_dim\": 9, \"init_logit_bias\": -8");
    json_t *document = json_loads(text, 0, NULL), *before = json_deep_copy(document);
    assert_int_equal(parse(&config, text), 0);
    uint64_t fingerprint = config.fingerprint;
    model_config_use_sigmoid(&config);
    model_config_use_sigmoid_json(document);
    assert_true(config.fingerprint == fingerprint && config.init_logit_bias == -8);
    assert_true(fabs(exp(-config.init_logit_scale) - 0.07) < 1e-12);
    assert_true(json_equal(document, before));
    json_decref(document);
    json_decref(before);
    free(text);
}

// `text` as the head of a model, of either family.
static char *headed(bool paper, const char *text) {
    char *head = xformat(paper ? "\"embed_dim\": 9, \"head_cfg\": %s" : "\"embed_dim\": 16, \"head_cfg\": %s", text);
    char *model = paper ? with("\"embed_dim\": 9", head) : open_clip_with("\"embed_dim\": 16", head);
    free(head);
    return model;
}

static void test_heads_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct head_config head;
        int pictures, joined, width;
    } row[] = {
        {"null", {TASK_NONE, 0, 0, 0, 0}, 1, 1, 12},
        {"{\"task\": \"vqa\", \"classes\": 3129, \"queries\": 2, \"heads\": 4, \"pictures\": 1}",
         {TASK_VQA, 3129, 2, 4, 1},
         1,
         1,
         16},
        {"{\"task\": \"recognition\", \"classes\": 7, \"heads\": 3}", {TASK_RECOGNITION, 7, 1, 3, 1}, 1, 1, 12},
        {"{\"task\": \"video\", \"classes\": 7, \"heads\": 1, \"pictures\": 16}", {TASK_VIDEO, 7, 1, 1, 16}, 16, 1, 12},
        {"{\"task\": \"nlvr2\", \"classes\": 2}", {TASK_NLVR2, 2, 1, 8, 2}, 2, 2, 16},
        {"{\"task\": \"snli-ve\", \"classes\": 3}", {TASK_SNLI_VE, 3, 1, 8, 1}, 1, 1, 16},
    };
    for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
        struct model_config config;
        char *text = headed(i % 2, row[i / 2].text);
        assert_int_equal(parse(&config, text), 0);
        assert_memory_equal(&config.head, &row[i / 2].head, sizeof config.head);
        assert_int_equal(config_pictures(&config), row[i / 2].pictures);
        assert_int_equal(config_joined(&config), row[i / 2].joined);
        assert_int_equal(config_state_width(&config), row[i / 2].width);
        free(text);
    }
}

static void test_heads_that_are_refused(void **state) {
    (void)state;
    static const char *const text[] = {
        "7",
        "{}",
        "{\"classes\": 7, \"heads\": 1}",
        "{\"task\": \"none\", \"classes\": 7, \"heads\": 1}",
        "{\"task\": \"ocr\", \"classes\": 7, \"heads\": 1}",
        "{\"task\": 3, \"classes\": 7, \"heads\": 1}",
        "{\"task\": \"vqa\", \"heads\": 1}",
        "{\"task\": \"vqa\", \"classes\": 0, \"heads\": 1}",
        "{\"task\": \"vqa\", \"classes\": 1048577, \"heads\": 1}",
        "{\"task\": \"vqa\", \"classes\": 7, \"heads\": 3}",
        "{\"task\": \"recognition\", \"classes\": 7, \"heads\": 8}",
        "{\"task\": \"vqa\", \"classes\": 7, \"heads\": 0}",
        "{\"task\": \"vqa\", \"classes\": 7, \"queries\": 0}",
        "{\"task\": \"vqa\", \"classes\": 7, \"queries\": 65537}",
        "{\"task\": \"vqa\", \"classes\": 7, \"pictures\": 2}",
        "{\"task\": \"nlvr2\", \"classes\": 2, \"pictures\": 1}",
        "{\"task\": \"video\", \"classes\": 7, \"heads\": 1}",
        "{\"task\": \"video\", \"classes\": 7, \"heads\": 1, \"pictures\": 257}",
        "{\"task\": \"vqa\", \"classes\": 7, \"labels\": []}",
    };
    for (size_t i = 0; i < 2 * sizeof text / sizeof *text; i++) {
        struct model_config config;
        char *model = headed(i % 2, text[i / 2]);
        if (parse(&config, model) != -EXIT_USAGE) fail_msg("not refused: %s", text[i / 2]);
        free(model);
    }
}

// In a file of either layout a head is put, replaced and taken away; the fingerprint tells all of them apart.
static void test_a_head_is_given(void **state) {
    (void)state;
    static const struct head_config heads[] = {
        {TASK_VQA, 13, 2, 4, 1},     {TASK_VQA, 14, 2, 4, 1},   {TASK_VQA, 14, 1, 4, 1},   {TASK_VQA, 14, 1, 8, 1},
        {TASK_SNLI_VE, 14, 1, 8, 1}, {TASK_VIDEO, 14, 1, 1, 9}, {TASK_VIDEO, 14, 1, 1, 8}, {TASK_NONE, 0, 0, 0, 0}};
    enum { HEADS = sizeof heads / sizeof *heads };
    char *hub = xformat("{\"model_cfg\": %s}", good);
    const char *const files[] = {good, hub};
    for (int i = 0; i < 2; i++) {
        uint64_t fingerprint[HEADS];
        struct model_config config;
        json_t *document = json_loads(files[i], 0, NULL);
        for (int k = 0; k < HEADS; k++) {
            model_config_use_head_json(document, &heads[k]);
            char *text = json_dumps(document, 0);
            assert_int_equal(parse(&config, text), 0);
            assert_memory_equal(&config.head, &heads[k], sizeof heads[k]);
            fingerprint[k] = config.fingerprint;
            for (int j = 0; j < k; j++) assert_true(fingerprint[j] != fingerprint[k]);
            free(text);
        }
        assert_int_equal(parse(&config, files[i]), 0);
        assert_true(config.fingerprint == fingerprint[HEADS - 1]);
        json_decref(document);
    }
    free(hub);
}

static void test_presets(void **state) {
    (void)state;
    static const char *const name[] = {"coca_tiny",     "coca_base",     "coca_large",    "coca_2b",
                                       "coca_ViT-B-32", "coca_ViT-L-14", "coca2_ViT-B-32"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        struct model_config config;
        char *path = xformat("../data/models/%s.json", name[i]);
        assert_int_equal(model_config_read(&config, path), 0);
        free(path);
    }
    struct model_config config;
    assert_int_equal(model_config_read(&config, "../data/models/none.json"), -EXIT_DATA);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read_and_defaulted),
        cmocka_unit_test(test_hub_file_brings_its_preprocessing),
        cmocka_unit_test(test_open_clip_presets),
        cmocka_unit_test(test_open_clip_without_pooler),
        cmocka_unit_test(test_open_clip_is_read),
        cmocka_unit_test(test_open_clip_ids),
        cmocka_unit_test(test_numbers_for_all_channels),
        cmocka_unit_test(test_two_poolers_and_their_projection),
        cmocka_unit_test(test_other_poolings_have_a_projection),
        cmocka_unit_test(test_open_clip_refusals),
        cmocka_unit_test(test_preprocessing),
        cmocka_unit_test(test_texts_that_are_no_model),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_number_counts_in_the_fingerprint),
        cmocka_unit_test(test_fingerprints_are_those_of_old),
        cmocka_unit_test(test_the_sigmoid_loss),
        cmocka_unit_test(test_the_sigmoid_loss_of_somebody_else),
        cmocka_unit_test(test_another_image_size),
        cmocka_unit_test(test_image_sizes_that_do_not_fit),
        cmocka_unit_test(test_heads_are_read),
        cmocka_unit_test(test_heads_that_are_refused),
        cmocka_unit_test(test_a_head_is_given),
        cmocka_unit_test(test_presets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
