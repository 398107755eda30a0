#include "model/params/layout.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

// Elements; a tensor starts on a boundary of 64 bytes in bf16 and of 128 in f32.
#define ALIGN 32

// The deviations of torch.nn's own initial distributions, and open_clip's.
static double uniform_deviation(int64_t fan_in) { // U(−1/√n, 1/√n)
    return 1 / sqrt(3.0 * (double)fan_in);
}

static double xavier_deviation(int64_t fan_in, int64_t fan_out) {
    return sqrt(2.0 / (double)(fan_in + fan_out));
}

static double inverse_root(int64_t width) {
    return 1 / sqrt((double)width);
}

// Of the weights of one pre-LayerNorm transformer.
struct deviations {
    double in_proj, out_proj, c_fc, c_proj;
};

static struct deviations torch_deviations(int64_t D, int64_t hidden) {
    return (struct deviations){xavier_deviation(D, 3 * D), uniform_deviation(D), uniform_deviation(D),
                               uniform_deviation(hidden)};
}

static struct deviations text_deviations(int64_t D, int layers) {
    double proj = inverse_root(D) * inverse_root(2 * layers);
    return (struct deviations){inverse_root(D), proj, inverse_root(2 * D), proj};
}

static bool decays(const char *name, int rank) {
    return rank >= 2 && !strstr(name, "ln") && !strstr(name, "bias") && !strstr(name, "logit_scale");
}

static void append(struct params *params, const char *name, struct shape shape, double mean, double deviation) {
    params->item = xrealloc_array(params->item, (size_t)params->count + 1, sizeof *params->item);
    struct param *param = &params->item[params->count++];
    *param = (struct param){.shape = shape,
                            .offset = params->elements,
                            .decay = decays(name, shape.rank),
                            .rate = 1,
                            .mean = mean,
                            .deviation = deviation};
    param_name(param->name, "%s", name);
    params->elements += shape_count(shape);
}

// Directly behind the tensor before it, so that one linear map can run over both.
static void add_adjacent(struct params *params, const char *prefix, const char *suffix, struct shape shape,
                         double deviation) {
    char name[TENSOR_NAME];
    param_name(name, "%s%s", prefix, suffix);
    append(params, name, shape, 0, deviation);
}

static void add(struct params *params, const char *prefix, const char *suffix, struct shape shape, double deviation) {
    params->elements = (params->elements + ALIGN - 1) / ALIGN * ALIGN;
    add_adjacent(params, prefix, suffix, shape, deviation);
}

static void add_norm(struct params *params, const char *prefix, const char *suffix, int64_t D) {
    char name[TENSOR_NAME];
    param_name(name, "%s%s", prefix, suffix);
    add(params, name, ".weight", SHAPE(D), 0);
    params->item[params->count - 1].mean = 1;
    add(params, name, ".bias", SHAPE(D), 0);
}

// torch.nn.MultiheadAttention with keys and values of width K.
static void add_attention(struct params *params, const char *prefix, int64_t D, int64_t K, double in, double out) {
    char name[TENSOR_NAME];
    param_name(name, "%s%s", prefix, ".attn");
    if (K == D) {
        add(params, name, ".in_proj_weight", SHAPE(3 * D, D), in);
    } else {
        add(params, name, ".q_proj_weight", SHAPE(D, D), xavier_deviation(D, D));
        add(params, name, ".k_proj_weight", SHAPE(D, K), xavier_deviation(K, D));
        add_adjacent(params, name, ".v_proj_weight", SHAPE(D, K), xavier_deviation(K, D));
    }
    add(params, name, ".in_proj_bias", SHAPE(3 * D), 0);
    add(params, name, ".out_proj.weight", SHAPE(D, D), out);
    add(params, name, ".out_proj.bias", SHAPE(D), 0);
}

static void add_mlp(struct params *params, const char *prefix, int64_t D, int64_t hidden,
                    const struct deviations *deviations) {
    add_norm(params, prefix, ".ln_2", D);
    add(params, prefix, ".mlp.c_fc.weight", SHAPE(hidden, D), deviations->c_fc);
    add(params, prefix, ".mlp.c_fc.bias", SHAPE(hidden), uniform_deviation(D));
    add(params, prefix, ".mlp.c_proj.weight", SHAPE(D, hidden), deviations->c_proj);
    add(params, prefix, ".mlp.c_proj.bias", SHAPE(D), uniform_deviation(hidden));
}

static void add_self_attention(struct params *params, const char *prefix, int64_t D,
                               const struct deviations *deviations) {
    add_norm(params, prefix, ".ln_1", D);
    add_attention(params, prefix, D, D, deviations->in_proj, deviations->out_proj);
}

static void add_transformer(struct params *params, const char *prefix, int layers, int64_t D, int64_t hidden,
                            struct deviations deviations) {
    for (int i = 0; i < layers; i++) {
        char block[TENSOR_NAME];
        param_name(block, "%s.resblocks.%d", prefix, i);
        add_self_attention(params, block, D, &deviations);
        add_mlp(params, block, D, hidden, &deviations);
    }
}

static void add_pooler(struct params *params, const char *prefix, int64_t queries, int64_t D, int64_t K) {
    add(params, prefix, ".query", SHAPE(queries, D), 1);
    add_norm(params, prefix, ".ln_q", D);
    add_norm(params, prefix, ".ln_k", K);
    add_attention(params, prefix, D, K, xavier_deviation(D, 3 * D), uniform_deviation(D));
}

// The width behind ln_post is W, but where the one pooler comes before it.
static void add_pooling(struct params *params, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t W = vision->width, D = config->decoder.width;
    add_norm(params, "visual", ".ln_post", vision->pool == POOL_SINGLE ? D : W);
    if (vision->pool != POOL_NONE) add_pooler(params, "visual.attn_pool", vision->queries, D, W);
    if (vision->pool == POOL_PARALLEL || vision->pool == POOL_CASCADE)
        add_pooler(params, "visual.attn_pool_contrastive", 1, D, D);
    add(params, "visual", ".proj", SHAPE(D, config->embed_dim),
        inverse_root(config->family == FAMILY_OPEN_CLIP ? W : D));
}

static void add_image(struct params *params, const struct model_config *config) {
    const struct vision_config *vision = &config->vision;
    int64_t W = vision->width, P = vision->patch_size;
    int64_t hidden = mlp_width(vision->width, vision->mlp_ratio);
    add(params, "visual.conv1", ".weight", SHAPE(W, 3, P, P), uniform_deviation(3 * P * P));
    if (vision->class_token) add(params, "visual", ".class_embedding", SHAPE(W), inverse_root(W));
    add(params, "visual", ".positional_embedding", SHAPE(config_image_tokens(config), W), inverse_root(W));
    if (vision->ln_pre) add_norm(params, "visual", ".ln_pre", W);
    add_transformer(params, "visual.transformer", vision->layers, W, hidden, torch_deviations(W, hidden));
    add_pooling(params, config);
}

static void add_unimodal(struct params *params, const struct model_config *config) {
    const struct text_config *text = &config->text;
    int64_t D = text->width;
    add(params, "text.token_embedding", ".weight", SHAPE(text->vocab_size, D), 0.02);
    add(params, "text", ".positional_embedding", SHAPE(text->context_length + 1, D), 0.01);
    add(params, "text", ".cls_emb", SHAPE(D), 0.01);
    add_transformer(params, "text.transformer", text->layers, D, mlp_width(text->width, text->mlp_ratio),
                    text_deviations(D, text->layers));
    add_norm(params, "text", ".ln_final", D);
    add(params, "text", ".text_projection", SHAPE(D, config->embed_dim), inverse_root(D));
}

static void add_multimodal(struct params *params, const struct model_config *config) {
    const struct decoder_config *decoder = &config->decoder;
    int64_t D = decoder->width, hidden = mlp_width(decoder->width, decoder->mlp_ratio);
    struct deviations deviations = text_deviations(D, decoder->layers);
    for (int i = 0; i < decoder->layers; i++) {
        char self[TENSOR_NAME], cross[TENSOR_NAME];
        param_name(self, "text_decoder.resblocks.%d", i);
        param_name(cross, "text_decoder.cross_attn.%d", i);
        add_self_attention(params, self, D, &deviations);
        if (decoder->self_mlp) add_mlp(params, self, D, hidden, &deviations);
        add_self_attention(params, cross, D, &deviations);
        add_norm(params, cross, ".ln_1_kv", D);
        add_mlp(params, cross, D, hidden, &deviations);
    }
    add_norm(params, "text_decoder", ".ln_final", D);
    add(params, "text_decoder", ".text_projection", SHAPE(D, config->text.vocab_size), inverse_root(D));
}

void layout_part(struct params *params, const struct model_config *config) {
    switch (params->part) {
    case PART_IMAGE: add_image(params, config); break;
    case PART_TEXT:
        add_unimodal(params, config);
        add_multimodal(params, config);
        break;
    case PART_LOSS:
        add(params, "logit_scale", "", (struct shape){0}, 0);
        params->item[0].mean = -log(0.07);
        break;
    }
    params->elements = (params->elements + ALIGN - 1) / ALIGN * ALIGN;
}
