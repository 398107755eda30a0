// A model's configuration: open_clip's model_configs JSON, plus "family": "paper" (design section 7).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "model/params/task.h"
#include "ops/ops.h"

enum model_family { FAMILY_PAPER, FAMILY_OPEN_CLIP };

// How the image tower ends (model/towers/image_pool.h).
enum pool_kind { POOL_NONE, POOL_SINGLE, POOL_PARALLEL, POOL_CASCADE };

// How a picture becomes the square of pixels: its short side made S and the centre cut out; its long side made S and
// the rest filled; or each side made S.
enum resize_mode { RESIZE_SHORTEST, RESIZE_LONGEST, RESIZE_SQUASH, RESIZE_MODES };
extern const char *const resize_mode_names[RESIZE_MODES]; // open_clip's: shortest, longest, squash

struct vision_config {
    int image_size, patch_size; // pixels
    int width, layers, head_width;
    double mlp_ratio;
    bool class_token, ln_pre; // before the first patch; behind the position embeddings
    enum pool_kind pool;
    int queries, pooler_heads;
    bool proj;         // a matrix makes the embedding of the pooled row; where there is none, the row is as wide as it
    bool proj_is_open; // the file does not say, and weights may (model_config_use_proj)
    float mean[3], std[3]; // of channels in 0 … 1
};

// How a resize weighs source pixels. open_clip's "random" is of training; pictures are then judged bicubic.
enum interpolation { INTERPOLATION_BICUBIC, INTERPOLATION_BILINEAR, INTERPOLATION_RANDOM, INTERPOLATIONS };
extern const char *const interpolation_names[INTERPOLATIONS];

struct preprocess_config {
    enum resize_mode resize;
    enum interpolation interpolation;
    int fill; // 0 … 255, of all channels, around a picture resized by its long side
};

struct text_config {
    int context_length; // T, CLS not counted
    int vocab_size, width, heads, layers;
    double mlp_ratio;
    int pad_id, bos_id, eos_id;
    bool pad_inside; // pad_id may stand inside a caption, as a word whose position is masked (CLIP's "!" is token 0)
    // Key j is visible, to the queries that causality allows, where token j is not padding, and CLS always. As
    // open_clip trained its CoCa weights it is visible where token j − 1 is not padding, and key 0 always.
    bool correct_cls_mask;
};

struct decoder_config { // multimodal_cfg
    int width, heads, layers;
    double mlp_ratio;
    bool self_mlp; // an MLP behind the self-attention too, not only behind the cross-attention
};

// head_cfg: an attentional pooler and a classifier on the model's states (model/towers/head_tower.h).
struct head_config {
    enum task_kind task; // TASK_NONE: the model has no head
    int classes;
    int queries, heads; // of the pooler
    int pictures;       // of a sample: frames of a video, NLVR2's two
};

#define CLIP_LOGIT_SCALE 2.6592600369327779 // ln 1/0.07
#define MODEL_CONFIG_BYTES (1 << 20)        // of a file, at most
#define IMAGE_SIZE_MAX (1 << 13)            // pixels

struct model_config {
    enum model_family family;
    int embed_dim; // E
    enum activation activation;
    struct vision_config vision;
    struct text_config text;
    struct decoder_config decoder;
    struct preprocess_config preprocess;
    struct head_config head;
    double init_logit_scale; // the logarithm of what cosines are multiplied with at first: CLIP_LOGIT_SCALE
    bool logit_bias;         // there is one, and it is learned (the sigmoid loss; model/contrastive.h)
    double init_logit_bias;
    uint64_t fingerprint; // of every number above; stages compare it in `hello`
};

// Reads a configuration file, or open_clip_config.json (model_cfg + preprocess_cfg). Unknown keys, impossible or
// unequal sizes are refused by name. 0, -EXIT_DATA (unreadable) or -EXIT_USAGE (refused). A file without "family" is
// open_clip's, of its family; what open_clip leaves out has the defaults of its dataclasses.
int model_config_read(struct model_config *config, const char *path);
// The same from JSON text in memory; `what` names it in errors.
int model_config_parse(struct model_config *config, const char *text, size_t size, const char *what);

uint64_t model_config_fingerprint(const struct model_config *config); // of what it holds now

// Makes of a configuration without a logit_bias one for the sigmoid loss: a bias of −10 and a scale of ln 10 at first,
// as SigLIP has them (arXiv 2303.15343). One with a bias stays as it is.
void model_config_use_sigmoid(struct model_config *config);
// The same for a file's JSON document, which model_config_read takes then.
void model_config_use_sigmoid_json(json_t *document);

// Two poolers of open_clip's family end in visual.proj or not, by the version that made the weights: 3.3.0 has it,
// later ones do not (the default here). No configuration of theirs says which, so who has weights does; a run's own
// file has it as vision_cfg.attn_pool_proj. Without effect on all other models.
void model_config_use_proj(struct model_config *config, bool proj);
void model_config_use_proj_json(json_t *document, bool proj);

// Whether patches of this size cut pictures of that size, both in pixels and above 0, and into few enough. 0, or
// -EXIT_USAGE naming `where` and the nearest sizes that do.
int model_config_check_side(const char *where, int image_size, int patch_size);
// For pictures of another size than the file's; position embeddings of weights are then resampled (params_load). 0, or
// -EXIT_USAGE (model_config_check_side) and the configuration is as it was.
int model_config_use_image_size(struct model_config *config, int image_size);
void model_config_use_image_size_json(json_t *document, int image_size);

// Gives a model a head, another one, or with TASK_NONE none. The same for a file's JSON document, which
// model_config_read takes then.
void model_config_use_head(struct model_config *config, const struct head_config *head);
void model_config_use_head_json(json_t *document, const struct head_config *head);

int config_pictures(const struct model_config *config);       // of a sample: 1 without a head
int config_joined(const struct model_config *config);         // J, vectors of a sample that the classifier reads
int config_state_width(const struct model_config *config);    // of the rows that the head reads
int config_patches(const struct model_config *config);        // (image_size / patch_size)²
int config_image_tokens(const struct model_config *config);   // N, rows of the ViT: patches, and the class token
int config_feature_tokens(const struct model_config *config); // rows of `features` per picture
const char *config_family_name(const struct model_config *config);
const char *config_cls_words(const struct text_config *text); // what CLS sees, behind "CLS "
int mlp_width(int width, double ratio);
