// Configurations: what is read, what is defaulted, what is refused and how.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/config.h"

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

static void test_texts_that_are_no_model(void **state) {
    (void)state;
    struct model_config config;
    assert_int_equal(parse(&config, ""), -EXIT_DATA);
    assert_int_equal(parse(&config, "{"), -EXIT_DATA);
    assert_int_equal(parse(&config, "{\"embed_dim\": 1, \"embed_dim\": 2}"), -EXIT_DATA);
    assert_int_equal(parse(&config, "[]"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{}"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{\"family\": \"paper\"}"), -EXIT_USAGE);
    assert_int_equal(parse(&config, "{\"family\": \"paper\", \"embed_dim\": 9}"), -EXIT_USAGE);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"\"family\": \"paper\", ",  ""                                         },
        {"paper",                    "clip"                                     },
        {"\"embed_dim\": 9, ",       ""                                         },
        {"\"embed_dim\": 9",         "\"embed_dim\": 0"                         },
        {"\"embed_dim\": 9",         "\"embed_dim\": 9, \"quick_gelu\": true"   },
        {"multimodal_cfg",           "decoder_cfg"                              },
        {"\"patch_size\": 4",        "\"patch_size\": 3"                        },
        {"\"patch_size\": 4",        "\"patch_size\": 0"                        },
        {"\"patch_size\": 4",        "\"patch_size\": 4, \"patch_dropout\": 0.5"},
        {"\"image_size\": 8, ",      "\"image_size\": 8000, "                   },
        {"\"width\": 12",            "\"width\": 99999999"                      },
        {"\"width\": 12",            "\"width\": 12.5"                          },
        {"\"head_width\": 6",        "\"head_width\": 5"                        },
        {"\"layers\": 3",            "\"layers\": 3, \"mlp_ratio\": 0"          },
        {"\"layers\": 3",            "\"layers\": 3, \"mlp_ratio\": 0.01"       },
        {"\"layers\": 3",            "\"layers\": 3, \"mlp_ratio\": 65"         },
        {"\"layers\": 3",            "\"layers\": 3, \"mean\": [1, 2]"          },
        {"\"layers\": 3",            "\"layers\": 3, \"mean\": [1, 2, \"3\"]"   },
        {"\"layers\": 3",            "\"layers\": 3, \"std\": [1, 0, 1]"        },
        {"\"cascade\"",              "\"parallel\""                             },
        {"\"cascade\"",              "true"                                     },
        {"\"cascade\"",              "7"                                        },
        {"\"attn_pooler_heads\": 2", "\"attn_pooler_heads\": 3"                 },
        {"\"context_length\": 7",    "\"context_length\": 1"                    },
        {"\"vocab_size\": 20",       "\"vocab_size\": 2"                        },
        {"\"heads\": 4",             "\"heads\": 3"                             },
        {"\"width\": 16",            "\"width\": 32"                            },
        {"\"embed_cls\": true",      "\"embed_cls\": false"                     },
        {"\"embed_cls\": true",      "\"embed_cls\": true, \"pad_id\": 2"       },
        {"\"embed_cls\": true",      "\"embed_cls\": true, \"eos_id\": 20"      },
        {"\"layers\": 2",            "\"layers\": 2, \"context_length\": 8"     },
        {"\"layers\": 2",            "\"layers\": 2, \"vocab_size\": 21"        },
        {"\"layers\": 2",            "\"layers\": 2, \"ls_init_value\": 1"      },
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
        {"\"embed_dim\": 9",           "\"embed_dim\": 8"                  },
        {"\"image_size\": 8",          "\"image_size\": 12"                },
        {"\"patch_size\": 4",          "\"patch_size\": 2"                 },
        {"\"width\": 12",              "\"width\": 18"                     },
        {"\"head_width\": 6",          "\"head_width\": 4"                 },
        {"\"layers\": 3",              "\"layers\": 4"                     },
        {"\"layers\": 3",              "\"layers\": 3, \"mean\": [0, 0, 0]"},
        {"\"layers\": 3",              "\"layers\": 3, \"std\": [1, 1, 1]" },
        {"\"attn_pooler_queries\": 5", "\"attn_pooler_queries\": 6"        },
        {"\"attn_pooler_heads\": 2",   "\"attn_pooler_heads\": 4"          },
        {"\"context_length\": 7",      "\"context_length\": 8"             },
        {"\"vocab_size\": 20",         "\"vocab_size\": 21"                },
        {"\"heads\": 4",               "\"heads\": 2"                      },
        {"\"layers\": 1",              "\"layers\": 2"                     },
        {"\"embed_cls\": true",        "\"embed_cls\": true, \"eos_id\": 3"},
        {"\"layers\": 2",              "\"layers\": 3"                     },
        {"\"layers\": 2",              "\"layers\": 2, \"mlp_ratio\": 4.5" },
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

static void test_presets(void **state) {
    (void)state;
    static const char *const name[] = {"coca_tiny", "coca_base", "coca_large", "coca_2b"};
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
        cmocka_unit_test(test_texts_that_are_no_model),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_number_counts_in_the_fingerprint),
        cmocka_unit_test(test_presets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
