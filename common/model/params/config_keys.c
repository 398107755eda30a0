// The keys of open_clip's configurations that change nothing here: config.c asks for them when it has read its own.
// They are tables, so that a key of a newer open_clip is one line; what such a key turns on would be built elsewhere.
#include "model/params/config_keys.h"

#include <string.h>

#include "base/fail.h"

enum sections {
    MODEL = 1 << SECTION_MODEL,
    VISION = 1 << SECTION_VISION,
    TEXT = 1 << SECTION_TEXT,
    MULTIMODAL = 1 << SECTION_MULTIMODAL
};

// Null, false, 0 and {} are always the default; `text` is the one that is a word.
struct switch_key {
    int sections;
    const char *key, *text, *turns_on;
};

static const struct switch_key switches[] = {
    {MODEL, "nonscalar_logit_scale", NULL, "logit_scale of shape [1]"},
    {VISION | TEXT | MULTIMODAL, "ls_init_value", NULL, "layer scale"},
    {VISION | TEXT, "act_kwargs", NULL, "other activations"},
    {VISION | TEXT, "norm_kwargs", NULL, "other norms"},
    {VISION | TEXT, "block_type", "default", "custom blocks"},
    {VISION | TEXT, "qk_norm", NULL, "norm of queries and keys"},
    {VISION | TEXT, "scaled_cosine_attn", NULL, "cosine attention"},
    {VISION | TEXT, "scale_heads", NULL, "scale of heads"},
    {VISION | TEXT, "scale_attn_inner", NULL, "norm within attention"},
    {VISION | TEXT, "scale_attn", NULL, "norm behind attention"},
    {VISION | TEXT, "scale_fc", NULL, "norm within the MLP"},
    {VISION, "patch_dropout", NULL, "patch dropout"},
    {VISION, "no_ln_pre", NULL, "tower without ln_pre"},
    {VISION, "pos_embed_type", "learnable", "fixed position embeddings"},
    {VISION, "final_ln_after_pool", NULL, "ln_post behind the pooling"},
    {VISION, "pool_type", "tok", "pooling but by the class token"},
    {VISION, "timm_model_name", NULL, "timm's image towers"},
    {TEXT | MULTIMODAL, "text_arch", "clip", "text towers of another architecture"},
    {TEXT, "hf_model_name", NULL, "Hugging Face text towers"},
    {TEXT, "hf_tokenizer_name", NULL, "Hugging Face tokenizers"},
    {TEXT, "tokenizer_mode", NULL, "other cleaning of texts"},
    {TEXT, "tokenizer_kwargs", NULL, "options of the tokenizer"},
    {TEXT, "tokenizer_type", "", "other tokenizers"},
    {TEXT, "no_causal_mask", NULL, "text tower that sees ahead"},
    {TEXT, "proj_bias", NULL, "bias of text_projection"},
    {TEXT, "proj_type", "linear", "other text projections"},
};

struct effectless_key {
    int sections;
    const char *key;
};

// pool_type says how a text tower without CLS is pooled; CoCa's has one. Many are those of the newer text_arch alone,
// or of models that caption otherwise.
static const struct effectless_key effectless[] = {
    {VISION, "image_seq_len"},
    {VISION, "timm_model_kwargs"},
    {TEXT | MULTIMODAL, "variable_text"},
    {TEXT | MULTIMODAL, "use_pad_mask"},
    {TEXT | MULTIMODAL, "tiktoken_name"},
    {TEXT | MULTIMODAL, "attention_mode"},
    {TEXT | MULTIMODAL, "freeze_pad_embed"},
    {TEXT | MULTIMODAL, "pos_embed"},
    {TEXT | MULTIMODAL, "rope_temperature"},
    {TEXT | MULTIMODAL, "mlp_type"},
    {TEXT | MULTIMODAL, "norm_type"},
    {TEXT | MULTIMODAL, "norm_eps"},
    {TEXT | MULTIMODAL, "attn_gated"},
    {TEXT | MULTIMODAL, "pre_norm"},
    {TEXT | MULTIMODAL, "norm_placement"},
    {TEXT | MULTIMODAL, "zero_init_residual"},
    {TEXT | MULTIMODAL, "reg_tokens"},
    {TEXT | MULTIMODAL, "value_residual"},
    {TEXT | MULTIMODAL, "attention_bias"},
    {TEXT | MULTIMODAL, "mlp_bias"},
    {TEXT | MULTIMODAL, "gate_bias"},
    {TEXT | MULTIMODAL, "hf_model_config"},
    {VISION, "timm_model_pretrained"},
    {VISION, "timm_pool"},
    {VISION, "timm_proj"},
    {VISION, "timm_proj_bias"},
    {VISION, "timm_drop"},
    {VISION, "timm_drop_path"},
    {TEXT | MULTIMODAL, "hf_model_pretrained"},
    {TEXT | MULTIMODAL, "hf_proj_type"},
    {TEXT | MULTIMODAL, "hf_pooler_type"},
    {TEXT | MULTIMODAL, "pool_type"},
    {TEXT | MULTIMODAL, "final_ln_after_pool"},
    {MULTIMODAL, "hf_model_name"},
    {MULTIMODAL, "hf_tokenizer_name"},
    {MULTIMODAL, "tokenizer_type"},
    {MULTIMODAL, "correct_cls_mask"},
    {MULTIMODAL, "bos_id"},
    {MULTIMODAL, "eos_id"},
    {MULTIMODAL, "cross_attn_ratio"},
    {MULTIMODAL, "tie_lm_head"},
    {MULTIMODAL, "tokenizer_mode"},
    {MULTIMODAL, "tokenizer_kwargs"},
    {MULTIMODAL, "embed_cls"},
    {MULTIMODAL, "pad_id"},
    {MULTIMODAL, "no_causal_mask"},
    {MULTIMODAL, "proj_bias"},
    {MULTIMODAL, "proj_type"},
    {MULTIMODAL, "act_kwargs"},
    {MULTIMODAL, "norm_kwargs"},
};

static const struct effectless_key effectless_in_both[] = {
    {MODEL, "custom_text"},
    {VISION | TEXT | MULTIMODAL, "output_tokens"},
    {MULTIMODAL, "n_queries"},
    {MULTIMODAL, "dim_head"},
    {MULTIMODAL, "attn_pooler_heads"},
};

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

// Only what is there, for a section has no room to tick off every key that open_clip knows.
static bool concerns(const struct json_fields *fields, int sections, enum config_section section, const char *key) {
    return sections >> section & 1 && json_object_get(fields->object, key);
}

static void tick_off(struct json_fields *fields, enum config_section section, const struct effectless_key *key,
                     int count) {
    for (int i = 0; i < count; i++)
        if (concerns(fields, key[i].sections, section, key[i].key)) json_fields_ignore(fields, key[i].key);
}

static bool is_default(const json_t *value, const char *text) {
    if (json_is_string(value)) return text && !strcmp(json_string_value(value), text);
    if (json_is_object(value)) return !json_object_size(value);
    return json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0);
}

static void check_switch(struct json_fields *fields, const struct switch_key *at) {
    if (!json_fields_has(fields, at->key) || is_default(json_object_get(fields->object, at->key), at->text)) return;
    fields->status =
        error(EXIT_USAGE, "%s: \"%s\" asks for what is not built here: %s", fields->where, at->key, at->turns_on);
}

void config_keys_of_open_clip(struct json_fields *fields, enum config_section section) {
    for (int i = 0; i < COUNT(switches); i++)
        if (concerns(fields, switches[i].sections, section, switches[i].key)) check_switch(fields, &switches[i]);
    tick_off(fields, section, effectless, COUNT(effectless));
}

void config_keys_without_effect(struct json_fields *fields, enum config_section section) {
    tick_off(fields, section, effectless_in_both, COUNT(effectless_in_both));
}
