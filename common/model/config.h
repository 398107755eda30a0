// A model's configuration: open_clip's model_configs JSON, plus "family": "paper" (design section 7).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/ops.h"

enum model_family { FAMILY_PAPER, FAMILY_OPEN_CLIP };
enum pool_kind { POOL_NONE, POOL_SINGLE, POOL_PARALLEL, POOL_CASCADE };

struct vision_config {
    int image_size, patch_size; // pixels
    int width, layers, head_width;
    double mlp_ratio;
    enum pool_kind pool;
    int queries, pooler_heads;
    float mean[3], std[3]; // of channels in 0 … 1
};

struct text_config {
    int context_length; // T, CLS not counted
    int vocab_size, width, heads, layers;
    double mlp_ratio;
    int pad_id, bos_id, eos_id;
    bool embed_cls, correct_cls_mask;
};

struct decoder_config { // multimodal_cfg
    int width, heads, layers;
    double mlp_ratio;
};

struct model_config {
    enum model_family family;
    int embed_dim; // E
    enum activation activation;
    struct vision_config vision;
    struct text_config text;
    struct decoder_config decoder;
    uint64_t fingerprint; // of every number above; stages compare it in `hello`
};

// Reads a configuration file, or open_clip_config.json (model_cfg + preprocess_cfg). Unknown keys, impossible or
// unequal sizes are refused by name. 0, -EXIT_DATA (unreadable) or -EXIT_USAGE (refused). This build has the paper
// family; a file of open_clip's is refused with a text that says so.
int model_config_read(struct model_config *config, const char *path);
// The same from JSON text in memory; `what` names it in errors.
int model_config_parse(struct model_config *config, const char *text, size_t size, const char *what);

int config_image_tokens(const struct model_config *config);   // N = (image_size / patch_size)²
int config_feature_tokens(const struct model_config *config); // rows of `features` per picture
int mlp_width(int width, double ratio);
