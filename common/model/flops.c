// How much the towers compute. Rows and widths are those of model/layers and model/towers, which plan memory with the
// same; coca-loss --plan makes seconds of them.
#include "model/flops.h"

#include "model/layers/vit.h"
#include "model/towers/image_pool.h"
#include "model/towers/text_multimodal.h"
#include "model/towers/text_unimodal.h"

struct flops flops_add(struct flops a, struct flops b) {
    return (struct flops){a.forward + b.forward, a.backward + b.backward};
}

static struct flops times(struct flops one, double n) {
    return (struct flops){one.forward * n, one.backward * n};
}

// [R,I]·[I,O]; dX = dY·Wᵀ and dW = Xᵀ·dY are as large.
static struct flops product(double R, double I, double O) {
    return (struct flops){2 * R * I * O, 4 * R * I * O};
}

// Of so many pairs of query and key: a pair's score and its share of the result are D multiplications each, over all
// heads. Backward the gradients of queries, keys, values and weights: twice that.
static struct flops pairs(double count, double D) {
    return (struct flops){4 * count * D, 8 * count * D};
}

// Queries, keys and values are made of R rows, and the result is projected.
static struct flops self_attention(double R, double D, double count) {
    return flops_add(flops_add(product(R, D, 3 * D), pairs(count, D)), product(R, D, D));
}

static struct flops mlp(double R, double D, double hidden) {
    return flops_add(product(R, D, hidden), product(R, hidden, D));
}

// Of one sample of R rows that attend to each other in `count` pairs.
static struct flops blocks(const struct transformer_dims *dims, double R, double count) {
    const double D = (double)dims->D;
    return times(flops_add(self_attention(R, D, count), mlp(R, D, (double)dims->hidden)), dims->layers);
}

// ---- image

// Q queries, the same for all pictures and so projected once a microbatch; each picture's `rows` become keys and
// values.
static struct flops pooler(const struct pooler_dims *dims, double rows, int64_t B) {
    const double Q = (double)dims->Q, D = (double)dims->D;
    struct flops each = flops_add(product(rows, (double)dims->K, 2 * D), pairs(Q * rows, D));
    return flops_add(product(Q, D, D), times(flops_add(each, product(Q, D, D)), (double)B));
}

static struct flops poolers(const struct image_pool_dims *dims, struct flops_use use, int64_t B) {
    const bool two = dims->kind == POOL_PARALLEL || dims->kind == POOL_CASCADE;
    const bool one = dims->kind != POOL_NONE && (use.captions || dims->kind != POOL_PARALLEL);
    const double read = (double)(dims->kind == POOL_CASCADE ? dims->rows : dims->tokens);
    struct flops sum = {0};
    if (one) sum = pooler(&dims->generative, (double)dims->tokens, B);
    if (two && use.contrasts) sum = flops_add(sum, pooler(&dims->contrastive, read, B));
    return sum;
}

// Pixels get no gradient: of the patches' product backward the weights' alone.
static struct flops patches(const struct vit_embedding_dims *dims) {
    const double P = (double)dims->patch_size, W = (double)dims->W;
    const double forward = product((double)dims->patches, 3 * P * P, W).forward;
    return (struct flops){forward, forward};
}

struct flops image_flops(const struct model_config *config, struct flops_use use, int64_t B) {
    const struct vit_dims vit = vit_dims_of(config);
    const struct image_pool_dims pool = image_pool_dims_of(config);
    const double N = (double)vit.embedding.tokens;
    struct flops each = flops_add(patches(&vit.embedding), blocks(&vit.transformer, N, N * N));
    if (config->vision.proj && use.contrasts) each = flops_add(each, product(1, (double)pool.D, config->embed_dim));
    return flops_add(times(each, (double)B), poolers(&pool, use, B));
}

// ---- text

// Causal: row i of R sees i + 1 rows, R·(R + 1)/2 in all.
static double causal(double R) {
    return R * (R + 1) / 2;
}

// The rows of a caption are its tokens and CLS; with open_clip's own mask also the first position of padding, if there
// is one (model/towers/text_rows.h).
static double states(const struct text_config *text, double length) {
    return length + 1 + (!text->correct_cls_mask && length < text->context_length);
}

struct flops unimodal_flops(const struct model_config *config, struct flops_use use, int64_t B, double length) {
    const struct unimodal_dims dims = unimodal_dims_of(config);
    const double R = states(&config->text, length);
    struct flops each = blocks(&dims.transformer, R, causal(R));
    if (use.contrasts) each = flops_add(each, product(1, (double)dims.transformer.D, (double)dims.E));
    return times(each, (double)B);
}

// Queries of R rows, keys and values of the picture's N feature rows.
static struct flops cross_attention(double R, double N, double D) {
    return flops_add(flops_add(product(R, D, D), product(N, D, 2 * D)), flops_add(pairs(R * N, D), product(R, D, D)));
}

// All tokens but EOS have a target. Logits over the vocabulary are made of these rows alone.
struct flops multimodal_flops(const struct model_config *config, struct flops_use use, int64_t B, double length) {
    const struct multimodal_dims dims = multimodal_dims_of(config);
    const double R = length - 1, D = (double)dims.D, hidden = (double)dims.hidden;
    if (!use.captions) return (struct flops){0};
    struct flops layer = flops_add(self_attention(R, D, causal(R)), cross_attention(R, (double)dims.N, D));
    layer = flops_add(layer, times(mlp(R, D, hidden), dims.self_mlp ? 2 : 1));
    return times(flops_add(times(layer, dims.layers), product(R, D, (double)dims.V)), (double)B);
}

// ---- the contrast

// Cosines of all pairs are 2·G²·E, made anew in each walk over them; so is the gradient of one side. The softmax walks
// twice for its denominators and twice for the gradients, the sigmoid twice.
double contrastive_flops(enum contrastive_kind kind, int64_t G, int64_t E) {
    const double cosines = 2 * (double)G * (double)G * (double)E;
    return (kind == CONTRASTIVE_SIGMOID ? 2 + 2 : 2 + 2 * 2) * cosines;
}
