// Reads a model's configuration, open_clip's layout of JSON, strictly: each section's keys, their defaults and what
// contradicts what. Everybody who lays out parameters or towers calls it first; keys that only open_clip knows are
// config_keys.c's, and what is made of a configuration afterwards config_use.c's.
#include "model/params/config.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/params/config_keys.h"

#define WIDTH_MAX (1 << 16)
#define LAYERS_MAX 1024
#define TOKENS_MAX (1 << 16) // of a caption, a picture or a pooler
#define VOCABULARY_MAX (1 << 22)
#define MLP_RATIO_MAX 64
#define CLASSES_MAX (1 << 20)
#define FRAMES_MAX 256 // of a video, as --frames has it
#define LOGIT_MAX 100  // of scale and bias at first, either side of 0

static const float clip_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
static const float clip_std[3] = {0.26862954f, 0.26130258f, 0.27577711f};

const char *const interpolation_names[] = {
    [INTERPOLATION_BICUBIC] = "bicubic", [INTERPOLATION_BILINEAR] = "bilinear", [INTERPOLATION_RANDOM] = "random"};
const char *const resize_mode_names[] = {
    [RESIZE_SHORTEST] = "shortest", [RESIZE_LONGEST] = "longest", [RESIZE_SQUASH] = "squash"};

// One object of the configuration while it is read.
struct section {
    struct json_fields fields;
    char where[256]; // "FILE: vision_cfg"
};

static void section_begin(struct section *section, const json_t *object, const char *what, const char *key) {
    snprintf(section->where, sizeof section->where, *key ? "%s: %s" : "%s", what, key);
    json_fields_begin(&section->fields, object, section->where);
}

static int refuse(struct section *section, const char *text) {
    return error(EXIT_USAGE, "%s: %s", section->where, text);
}

static int read_size(struct section *section, const char *key, int fallback, int high) {
    return (int)json_fields_int(&section->fields, key, fallback, 1, high);
}

// A size that has no default.
static int read_needed(struct section *section, const char *key, int high) {
    if (!section->fields.status && !json_fields_has(&section->fields, key))
        section->fields.status = error(EXIT_USAGE, "%s: \"%s\" is missing", section->where, key);
    return read_size(section, key, 1, high);
}

static double read_ratio(struct section *section) {
    double ratio = json_fields_real(&section->fields, "mlp_ratio", 4);
    if (!section->fields.status && !(ratio > 0 && ratio <= MLP_RATIO_MAX))
        section->fields.status =
            error(EXIT_USAGE, "%s: mlp_ratio %g is not in (0, %d]", section->where, ratio, MLP_RATIO_MAX);
    return ratio;
}

// A side in pixels: one number, or as open_clip also has it the height and the width, which must be equal.
static int read_side(struct section *section, const char *key, int fallback) {
    struct json_fields *fields = &section->fields;
    const json_t *list = json_object_get(fields->object, key), *side = json_array_get(list, 0);
    if (fields->status || !json_is_array(list)) return read_size(section, key, fallback, IMAGE_SIZE_MAX);
    json_fields_ignore(fields, key);
    bool whole = json_array_size(list) == 2 && json_is_integer(side) && json_is_integer(json_array_get(list, 1));
    json_int_t pixels = json_integer_value(side);
    if (whole && pixels == json_integer_value(json_array_get(list, 1)) && pixels >= 1 && pixels <= IMAGE_SIZE_MAX)
        return (int)pixels;
    fields->status = error(EXIT_USAGE,
                           "%s: \"%s\" must be one whole number from 1 to %d, or that twice: pictures are "
                           "square here",
                           section->where, key, IMAGE_SIZE_MAX);
    return fallback;
}

// The keys that are not read, and the verdict.
static int section_end(struct section *section, enum config_section which, enum model_family family) {
    if (family == FAMILY_OPEN_CLIP) config_keys_of_open_clip(&section->fields, which);
    config_keys_without_effect(&section->fields, which);
    return json_fields_end(&section->fields);
}

// Three numbers, one a channel, or one for all; leaves `to` alone when the key is absent.
static void read_channels(struct section *section, const char *key, float to[3]) {
    struct json_fields *fields = &section->fields;
    if (fields->status || !json_fields_has(fields, key)) return;
    const json_t *value = json_object_get(fields->object, key);
    bool good = json_is_number(value) || json_array_size(value) == 3;
    for (size_t i = 0; good && i < 3; i++) {
        const json_t *number = json_is_number(value) ? value : json_array_get(value, i);
        to[i] = (float)json_number_value(number);
        good = json_is_number(number) && isfinite(to[i]);
    }
    if (!good) fields->status = error(EXIT_USAGE, "%s: \"%s\" must be a number, or three", section->where, key);
}

// The word of `key` among `count` words, by place; `fallback` when it is absent.
static int read_word(struct section *section, const char *key, const char *const *word, int count, int fallback) {
    const char *text = json_fields_text(&section->fields, key, word[fallback]);
    for (int i = 0; i < count; i++)
        if (!strcmp(text, word[i])) return i;
    section->fields.status = error(EXIT_USAGE, "%s: \"%s\" is \"%s\", not one of %s … %s", section->where, key, text,
                                   word[0], word[count - 1]);
    return fallback;
}

static enum pool_kind read_pool(struct section *section) {
    static const char *const word[] = {"parallel", "cascade"};
    const json_t *pool = json_object_get(section->fields.object, "attentional_pool");
    if (json_is_string(pool)) return read_word(section, "attentional_pool", word, 2, 0) ? POOL_CASCADE : POOL_PARALLEL;
    return json_fields_bool(&section->fields, "attentional_pool", false) ? POOL_SINGLE : POOL_NONE;
}

int model_config_check_side(const char *where, int image_size, int patch_size) {
    int side = image_size / patch_size, below = side * patch_size, above = below + patch_size;
    if (side && side > TOKENS_MAX / side)
        return error(EXIT_USAGE, "%s: image_size / patch_size makes too many image tokens", where);
    if (below == image_size) return 0;
    char smaller[32] = "";
    if (below) snprintf(smaller, sizeof smaller, "%d and ", below);
    return error(EXIT_USAGE, "%s: patch_size does not divide image_size: %d is no multiple of %d, unlike %s%d", where,
                 image_size, patch_size, smaller, above);
}

static int check_vision(struct section *section, const struct vision_config *vision) {
    int status = model_config_check_side(section->where, vision->image_size, vision->patch_size);
    if (status) return status;
    if (vision->width % vision->head_width) return refuse(section, "head_width does not divide width");
    if (mlp_width(vision->width, vision->mlp_ratio) < 1) return refuse(section, "width * mlp_ratio is below 1");
    for (int c = 0; c < 3; c++)
        if (!(vision->std[c] > 0)) return refuse(section, "std must be above 0");
    return 0;
}

static int read_vision(struct vision_config *vision, const json_t *object, enum model_family family, const char *what) {
    struct section section;
    section_begin(&section, object, what, "vision_cfg");
    vision->image_size = read_side(&section, "image_size", 224);
    vision->patch_size = read_side(&section, "patch_size", 16);
    vision->width = read_size(&section, "width", 768, WIDTH_MAX);
    vision->layers = read_size(&section, "layers", 12, LAYERS_MAX);
    vision->head_width = read_size(&section, "head_width", 64, WIDTH_MAX);
    vision->mlp_ratio = read_ratio(&section);
    vision->pool = read_pool(&section);
    vision->queries = read_size(&section, "attn_pooler_queries", 256, TOKENS_MAX);
    vision->pooler_heads = read_size(&section, "attn_pooler_heads", 8, WIDTH_MAX);
    read_channels(&section, "mean", vision->mean);
    read_channels(&section, "std", vision->std);
    vision->class_token = vision->ln_pre = family == FAMILY_OPEN_CLIP;
    bool two = family == FAMILY_OPEN_CLIP && (vision->pool == POOL_PARALLEL || vision->pool == POOL_CASCADE);
    vision->proj_is_open = two && !json_fields_has(&section.fields, "attn_pool_proj");
    vision->proj = !two || json_fields_bool(&section.fields, "attn_pool_proj", false);
    int status = section_end(&section, SECTION_VISION, family);
    if (!status && family == FAMILY_PAPER && vision->pool != POOL_CASCADE)
        status = refuse(&section, "the paper family's attentional_pool is \"cascade\", and nothing else");
    return status ? status : check_vision(&section, vision);
}

static int check_text(struct section *section, const struct text_config *text) {
    if (text->width % text->heads) return refuse(section, "heads does not divide width");
    if (mlp_width(text->width, text->mlp_ratio) < 1) return refuse(section, "width * mlp_ratio is below 1");
    if (text->context_length < 2) return refuse(section, "context_length must hold BOS and EOS: 2 or more");
    if (text->vocab_size <= text->bos_id || text->vocab_size <= text->eos_id)
        return refuse(section, "bos_id and eos_id must lie in the vocabulary");
    if (text->pad_id == text->bos_id || text->pad_id == text->eos_id || text->bos_id == text->eos_id)
        return refuse(section, "pad_id, bos_id and eos_id must differ");
    return 0;
}

static void read_tokens(struct section *section, struct text_config *text, int bos, int eos) {
    int last = text->vocab_size - 1;
    text->pad_id = (int)json_fields_int(&section->fields, "pad_id", 0, 0, last);
    text->bos_id = (int)json_fields_int(&section->fields, "bos_id", bos, 0, last);
    text->eos_id = (int)json_fields_int(&section->fields, "eos_id", eos, 0, last);
}

// CLIP's vocabulary ends with its two marks, whatever rows of the table stand unused behind them. An eos_id of 2 that
// stands alone is what open_clip 3.3.0 has by default for towers that pool by it, and CoCa's do not.
static void read_clip_tokens(struct section *section, struct text_config *text) {
    enum { CLIP_VOCABULARY = 49408, DEFAULT_OF_ALL = 2 };
    int end = text->vocab_size < CLIP_VOCABULARY ? text->vocab_size : CLIP_VOCABULARY;
    bool alone = !json_fields_has(&section->fields, "bos_id");
    read_tokens(section, text, end - 2, end - 1);
    if (alone && text->eos_id == DEFAULT_OF_ALL) text->eos_id = end - 1;
    text->pad_inside = true;
}

static int read_text(struct text_config *text, const json_t *object, enum model_family family, const char *what) {
    struct section section;
    section_begin(&section, object, what, "text_cfg");
    text->context_length = read_size(&section, "context_length", 77, TOKENS_MAX);
    text->vocab_size = read_size(&section, "vocab_size", 49408, VOCABULARY_MAX);
    text->width = read_size(&section, "width", 512, WIDTH_MAX);
    text->heads = read_size(&section, "heads", 8, WIDTH_MAX);
    text->layers = read_size(&section, "layers", 12, LAYERS_MAX);
    text->mlp_ratio = read_ratio(&section);
    bool embed_cls = json_fields_bool(&section.fields, "embed_cls", false), paper = family == FAMILY_PAPER;
    text->correct_cls_mask = paper || json_fields_bool(&section.fields, "correct_cls_mask", false);
    if (paper)
        read_tokens(&section, text, 1, 2);
    else
        read_clip_tokens(&section, text);
    int status = section_end(&section, SECTION_TEXT, family);
    if (!status && !embed_cls)
        status = refuse(&section, "embed_cls must be true: CoCa embeds a caption by its CLS token");
    return status ? status : check_text(&section, text);
}

// Sizes that stand twice must agree: the decoder's second half goes on with the states of the first. To open_clip this
// context_length is that of a mask alone, which may be too large.
static int check_decoder(struct section *section, const struct decoder_config *decoder, const struct text_config *text,
                         int context_length, int vocab_size) {
    bool fits = decoder->self_mlp ? context_length >= text->context_length : context_length == text->context_length;
    if (decoder->width != text->width) return refuse(section, "width differs from text_cfg's");
    if (!fits) return refuse(section, "context_length differs from text_cfg's");
    if (vocab_size != text->vocab_size) return refuse(section, "vocab_size differs from text_cfg's");
    if (decoder->width % decoder->heads) return refuse(section, "heads does not divide width");
    if (mlp_width(decoder->width, decoder->mlp_ratio) < 1) return refuse(section, "width * mlp_ratio is below 1");
    return 0;
}

static int read_decoder(struct decoder_config *decoder, const json_t *object, const struct text_config *text,
                        enum model_family family, const char *what) {
    struct section section;
    section_begin(&section, object, what, "multimodal_cfg");
    decoder->width = read_size(&section, "width", 512, WIDTH_MAX);
    decoder->heads = read_size(&section, "heads", 8, WIDTH_MAX);
    decoder->layers = read_size(&section, "layers", 12, LAYERS_MAX);
    decoder->mlp_ratio = read_ratio(&section);
    int context_length = read_size(&section, "context_length", text->context_length, TOKENS_MAX);
    int vocab_size = read_size(&section, "vocab_size", text->vocab_size, VOCABULARY_MAX);
    decoder->self_mlp = family == FAMILY_OPEN_CLIP;
    int status = section_end(&section, SECTION_MULTIMODAL, family);
    if (!status && family == FAMILY_OPEN_CLIP && decoder->mlp_ratio != 4)
        status = refuse(&section, "mlp_ratio must be 4: open_clip builds its decoder so, whatever stands here");
    return status ? status : check_decoder(&section, decoder, text, context_length, vocab_size);
}

static int read_family(struct section *section, enum model_family *family) {
    const char *text = json_fields_text(&section->fields, "family", NULL);
    *family = text ? FAMILY_PAPER : FAMILY_OPEN_CLIP;
    if (section->fields.status || !text || !strcmp(text, "paper")) return section->fields.status;
    return error(EXIT_USAGE, "%s: family \"%s\": it is \"paper\", or left out in a file of open_clip's", section->where,
                 text);
}

// The features are as wide as the decoder that reads them, and so is all that ln_post and the poolers make of tokens.
static int check_widths(struct section *section, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int D = config->decoder.width;
    if (vision->pool != POOL_NONE && D % vision->pooler_heads)
        return refuse(section, "vision_cfg.attn_pooler_heads does not divide multimodal_cfg.width");
    if (config->family == FAMILY_PAPER) return 0;
    if (vision->pool != POOL_NONE && config->embed_dim != D)
        return refuse(section, "embed_dim, which is the pooler's width, differs from multimodal_cfg.width");
    if (vision->pool == POOL_NONE && vision->width != D)
        return refuse(section, "without a pooler (attentional_pool) vision_cfg.width and multimodal_cfg.width must be "
                               "equal");
    if (vision->pool == POOL_SINGLE && vision->queries < 2)
        return refuse(section, "vision_cfg.attn_pooler_queries must be 2 or more: one for the picture, one to decode");
    return 0;
}

static int read_towers(struct model_config *config, struct section *section, const json_t *vision, const json_t *text,
                       const json_t *decoder, const char *what) {
    enum model_family family = config->family;
    if (!(vision && text && decoder))
        return refuse(section, "vision_cfg, text_cfg and multimodal_cfg must all be there");
    int status = read_vision(&config->vision, vision, family, what);
    if (!status) status = read_text(&config->text, text, family, what);
    if (!status) status = read_decoder(&config->decoder, decoder, &config->text, family, what);
    return status ? status : check_widths(section, config);
}

static double read_logit(struct section *section, const char *key, double fallback) {
    double value = json_fields_real(&section->fields, key, fallback);
    if (!section->fields.status && !(fabs(value) <= LOGIT_MAX))
        section->fields.status =
            error(EXIT_USAGE, "%s: %s %g is not in [-%d, %d]", section->where, key, value, LOGIT_MAX, LOGIT_MAX);
    return value;
}

static void read_logits(struct model_config *config, struct section *section) {
    config->init_logit_scale = read_logit(section, "init_logit_scale", CLIP_LOGIT_SCALE);
    config->logit_bias = json_fields_has(&section->fields, "init_logit_bias");
    config->init_logit_bias = read_logit(section, "init_logit_bias", 0);
}

// Every task but one has its number of pictures, which need not stand here; a video has as many as it was trained with.
static void read_pictures(struct head_config *head, struct section *section) {
    int own = tasks[head->task].pictures;
    head->pictures =
        own ? read_size(section, "pictures", own, FRAMES_MAX) : read_needed(section, "pictures", FRAMES_MAX);
    if (!section->fields.status && own && head->pictures != own)
        section->fields.status = error(EXIT_USAGE, "%s: pictures is %d, and a sample of the task %s has %d",
                                       section->where, head->pictures, tasks[head->task].name, own);
}

static void read_task(struct head_config *head, struct section *section) {
    const char *name = json_fields_text(&section->fields, "task", "");
    head->task = task_find(name);
    if (section->fields.status || (head->task != TASK_NONE && head->task != TASKS)) return;
    const char *words = &TASK_WORDS[sizeof "none"]; // behind that one
    section->fields.status =
        error(EXIT_USAGE, "%s: \"task\" is \"%s\"; it must be one of %s", section->where, name, words);
}

// A model without a head has no head_cfg, or null.
static int read_head(struct model_config *config, const json_t *object, const char *what) {
    struct head_config *head = &config->head;
    struct section section;
    if (!object) return 0;
    section_begin(&section, object, what, "head_cfg");
    read_task(head, &section);
    if (section.fields.status) return section.fields.status;
    head->classes = read_needed(&section, "classes", CLASSES_MAX);
    head->queries = read_size(&section, "queries", 1, TOKENS_MAX);
    head->heads = read_size(&section, "heads", 8, WIDTH_MAX);
    read_pictures(head, &section);
    int status = json_fields_end(&section.fields), width = config_state_width(config);
    if (!status && width % head->heads)
        return error(EXIT_USAGE, "%s: heads, %d, does not divide the width of the states that the task %s reads, %d",
                     section.where, head->heads, tasks[head->task].name, width);
    return status;
}

static int read_model(struct model_config *config, const json_t *object, const char *what) {
    struct section section;
    section_begin(&section, object, what, "");
    struct json_fields *fields = &section.fields;
    int status = read_family(&section, &config->family);
    if (status) return status;
    config->embed_dim = read_needed(&section, "embed_dim", WIDTH_MAX);
    bool quick = config->family == FAMILY_OPEN_CLIP && json_fields_bool(fields, "quick_gelu", false);
    config->activation = quick ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
    read_logits(config, &section);
    int64_t pad = config->family == FAMILY_OPEN_CLIP ? json_fields_int(fields, "pad_id", -1, 0, VOCABULARY_MAX) : -1;
    const json_t *vision = json_fields_object(fields, "vision_cfg"), *text = json_fields_object(fields, "text_cfg");
    const json_t *decoder = json_fields_object(fields, "multimodal_cfg"),
                 *head = json_fields_object(fields, "head_cfg");
    status = section_end(&section, SECTION_MODEL, config->family);
    if (!status) status = read_towers(config, &section, vision, text, decoder, what);
    if (!status) status = read_head(config, head, what);
    if (!status && pad >= 0 && pad != config->text.pad_id)
        return refuse(&section, "pad_id, of losses, differs from text_cfg's, of masks; give both the same");
    return status;
}

// How pictures were prepared. The size is the model's.
static int read_preprocess(struct model_config *config, const json_t *object, const char *what) {
    static const char *const mode[] = {"RGB"};
    struct section section;
    section_begin(&section, object, what, "preprocess_cfg");
    read_channels(&section, "mean", config->vision.mean);
    read_channels(&section, "std", config->vision.std);
    config->preprocess.resize =
        (enum resize_mode)read_word(&section, "resize_mode", resize_mode_names, RESIZE_MODES, RESIZE_SHORTEST);
    config->preprocess.fill = (int)json_fields_int(&section.fields, "fill_color", 0, 0, 255);
    read_word(&section, "mode", mode, 1, 0);
    config->preprocess.interpolation = (enum interpolation)read_word(&section, "interpolation", interpolation_names,
                                                                     INTERPOLATIONS, INTERPOLATION_BICUBIC);
    json_fields_ignore(&section.fields, "size");
    int status = json_fields_end(&section.fields);
    return status ? status : check_vision(&section, &config->vision);
}

// open_clip_config.json: the model one level down, and the preprocessing it was trained with.
static int read_hub(struct model_config *config, const json_t *root, const char *what) {
    const json_t *preprocess = json_object_get(root, "preprocess_cfg");
    int status = read_model(config, json_object_get(root, "model_cfg"), what);
    if (status || !preprocess || json_is_null(preprocess)) return status;
    return read_preprocess(config, preprocess, what);
}

int model_config_parse(struct model_config *config, const char *text, size_t size, const char *what) {
    json_error_t place;
    json_t *root = json_parse(text, size, &place);
    if (!root) return error(EXIT_DATA, "%s:%d:%d: %s", what, place.line, place.column, place.text);
    memset(config, 0, sizeof *config);
    memcpy(config->vision.mean, clip_mean, sizeof clip_mean);
    memcpy(config->vision.std, clip_std, sizeof clip_std);
    int status = 0;
    if (!json_is_object(root))
        status = error(EXIT_USAGE, "%s: a model's configuration is a JSON object", what);
    else if (json_is_object(json_object_get(root, "model_cfg")))
        status = read_hub(config, root, what);
    else
        status = read_model(config, root, what);
    json_decref(root);
    if (!status) config->fingerprint = model_config_fingerprint(config);
    return status;
}

int model_config_read(struct model_config *config, const char *path) {
    struct buffer text = {0};
    int status = file_read(path, MODEL_CONFIG_BYTES, &text);
    if (!status) status = model_config_parse(config, text.bytes ? text.bytes : "", text.size, path);
    buffer_release(&text);
    return status;
}

int config_pictures(const struct model_config *config) {
    return config->head.task == TASK_NONE ? 1 : config->head.pictures;
}

int config_joined(const struct model_config *config) {
    return tasks[config->head.task].joined ? config_pictures(config) : 1;
}

// The image tower's tokens leave it before its poolers, the text tower's rows at the decoder's end.
int config_state_width(const struct model_config *config) {
    return tasks[config->head.task].reads_text ? config->decoder.width : config->vision.width;
}

int config_patches(const struct model_config *config) {
    int side = config->vision.image_size / config->vision.patch_size;
    return side * side;
}

int config_image_tokens(const struct model_config *config) {
    return config_patches(config) + config->vision.class_token;
}

int config_feature_tokens(const struct model_config *config) {
    switch (config->vision.pool) {
    case POOL_NONE: return config_patches(config);
    case POOL_SINGLE: return config->vision.queries - 1;
    default: return config->vision.queries;
    }
}

const char *config_family_name(const struct model_config *config) {
    return config->family == FAMILY_PAPER ? "paper" : "open_clip";
}

const char *config_cls_words(const struct text_config *text) {
    if (!text->correct_cls_mask)
        return "masked as in LAION's weights: padding hides the position behind it, CLS sees itself in a full caption "
               "only";
    return text->pad_inside ? "stands behind the last place and sees itself and all tokens but padding's"
                            : "stands behind the last token and sees all of them and itself";
}

int mlp_width(int width, double ratio) {
    return (int)(width * ratio);
}
