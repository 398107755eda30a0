#include "model/config_keys.h"

#include <string.h>

#include "base/fail.h"

// Null, false and 0 are always the default; `text` is the one that is a word.
struct switch_key {
    enum config_section section;
    const char *key, *text, *turns_on;
};

static const struct switch_key switches[] = {
    {SECTION_MODEL,      "pad_id",                NULL,        "captions padded with another token than 0"},
    {SECTION_MODEL,      "init_logit_bias",       NULL,        "sigmoid loss"                             },
    {SECTION_MODEL,      "nonscalar_logit_scale", NULL,        "logit_scale of shape [1]"                 },
    {SECTION_VISION,     "ls_init_value",         NULL,        "layer scale"                              },
    {SECTION_VISION,     "patch_dropout",         NULL,        "patch dropout"                            },
    {SECTION_VISION,     "no_ln_pre",             NULL,        "tower without ln_pre"                     },
    {SECTION_VISION,     "pos_embed_type",        "learnable", "fixed position embeddings"                },
    {SECTION_VISION,     "final_ln_after_pool",   NULL,        "ln_post behind the pooling"               },
    {SECTION_VISION,     "pool_type",             "tok",       "pooling but by the class token"           },
    {SECTION_VISION,     "act_kwargs",            NULL,        "other activations"                        },
    {SECTION_VISION,     "norm_kwargs",           NULL,        "other norms"                              },
    {SECTION_VISION,     "block_type",            "default",   "custom blocks"                            },
    {SECTION_VISION,     "qk_norm",               NULL,        "norm of queries and keys"                 },
    {SECTION_VISION,     "scaled_cosine_attn",    NULL,        "cosine attention"                         },
    {SECTION_VISION,     "scale_heads",           NULL,        "scale of heads"                           },
    {SECTION_VISION,     "scale_attn_inner",      NULL,        "norm within attention"                    },
    {SECTION_VISION,     "scale_attn",            NULL,        "norm behind attention"                    },
    {SECTION_VISION,     "scale_fc",              NULL,        "norm within the MLP"                      },
    {SECTION_VISION,     "timm_model_name",       NULL,        "timm's image towers"                      },
    {SECTION_TEXT,       "hf_model_name",         NULL,        "Hugging Face text towers"                 },
    {SECTION_TEXT,       "hf_tokenizer_name",     NULL,        "Hugging Face tokenizers"                  },
    {SECTION_TEXT,       "tokenizer_mode",        NULL,        "other cleaning of texts"                  },
    {SECTION_TEXT,       "tokenizer_kwargs",      NULL,        "options of the tokenizer"                 },
    {SECTION_TEXT,       "pad_id",                NULL,        "captions padded with another token than 0"},
    {SECTION_TEXT,       "ls_init_value",         NULL,        "layer scale"                              },
    {SECTION_TEXT,       "no_causal_mask",        NULL,        "text tower that sees ahead"               },
    {SECTION_TEXT,       "proj_bias",             NULL,        "bias of text_projection"                  },
    {SECTION_TEXT,       "proj_type",             "linear",    "other text projections"                   },
    {SECTION_TEXT,       "act_kwargs",            NULL,        "other activations"                        },
    {SECTION_TEXT,       "norm_kwargs",           NULL,        "other norms"                              },
    {SECTION_TEXT,       "block_type",            "default",   "custom blocks"                            },
    {SECTION_TEXT,       "qk_norm",               NULL,        "norm of queries and keys"                 },
    {SECTION_TEXT,       "scaled_cosine_attn",    NULL,        "cosine attention"                         },
    {SECTION_TEXT,       "scale_heads",           NULL,        "scale of heads"                           },
    {SECTION_TEXT,       "scale_attn_inner",      NULL,        "norm within attention"                    },
    {SECTION_TEXT,       "scale_attn",            NULL,        "norm behind attention"                    },
    {SECTION_TEXT,       "scale_fc",              NULL,        "norm within the MLP"                      },
    {SECTION_MULTIMODAL, "ls_init_value",         NULL,        "layer scale"                              },
};

struct effectless_key {
    enum config_section section;
    const char *key;
};

// eos_id and pool_type say how a text tower without CLS is pooled; CoCa's has one.
static const struct effectless_key effectless[] = {
    {SECTION_VISION,     "timm_model_pretrained"},
    {SECTION_VISION,     "timm_pool"            },
    {SECTION_VISION,     "timm_proj"            },
    {SECTION_VISION,     "timm_proj_bias"       },
    {SECTION_VISION,     "timm_drop"            },
    {SECTION_VISION,     "timm_drop_path"       },
    {SECTION_TEXT,       "eos_id"               },
    {SECTION_TEXT,       "pool_type"            },
    {SECTION_TEXT,       "final_ln_after_pool"  },
    {SECTION_TEXT,       "hf_model_pretrained"  },
    {SECTION_TEXT,       "hf_proj_type"         },
    {SECTION_TEXT,       "hf_pooler_type"       },
    {SECTION_MULTIMODAL, "hf_tokenizer_name"    },
    {SECTION_MULTIMODAL, "tokenizer_mode"       },
    {SECTION_MULTIMODAL, "tokenizer_kwargs"     },
    {SECTION_MULTIMODAL, "embed_cls"            },
    {SECTION_MULTIMODAL, "pad_id"               },
    {SECTION_MULTIMODAL, "eos_id"               },
    {SECTION_MULTIMODAL, "no_causal_mask"       },
    {SECTION_MULTIMODAL, "final_ln_after_pool"  },
    {SECTION_MULTIMODAL, "pool_type"            },
    {SECTION_MULTIMODAL, "proj_bias"            },
    {SECTION_MULTIMODAL, "proj_type"            },
    {SECTION_MULTIMODAL, "act_kwargs"           },
    {SECTION_MULTIMODAL, "norm_kwargs"          },
};

static const struct effectless_key effectless_in_both[] = {
    {SECTION_MODEL,      "custom_text"      },
    {SECTION_VISION,     "output_tokens"    },
    {SECTION_TEXT,       "output_tokens"    },
    {SECTION_MULTIMODAL, "output_tokens"    },
    {SECTION_MULTIMODAL, "n_queries"        },
    {SECTION_MULTIMODAL, "dim_head"         },
    {SECTION_MULTIMODAL, "attn_pooler_heads"},
};

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

static void tick_off(struct json_fields *fields, enum config_section section, const struct effectless_key *key,
                     int count) {
    for (int i = 0; i < count; i++)
        if (key[i].section == section) json_fields_ignore(fields, key[i].key);
}

static bool is_default(const json_t *value, const char *text) {
    if (json_is_string(value)) return text && !strcmp(json_string_value(value), text);
    return json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0);
}

static void check_switch(struct json_fields *fields, const struct switch_key *at) {
    if (!json_fields_has(fields, at->key) || is_default(json_object_get(fields->object, at->key), at->text)) return;
    fields->status =
        error(EXIT_USAGE, "%s: \"%s\" asks for what is not built here: %s", fields->where, at->key, at->turns_on);
}

void config_keys_of_open_clip(struct json_fields *fields, enum config_section section) {
    for (int i = 0; i < COUNT(switches); i++)
        if (switches[i].section == section) check_switch(fields, &switches[i]);
    tick_off(fields, section, effectless, COUNT(effectless));
}

void config_keys_without_effect(struct json_fields *fields, enum config_section section) {
    tick_off(fields, section, effectless_in_both, COUNT(effectless_in_both));
}
