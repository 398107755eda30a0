// SigLIP's loss as a rule: each of the G² pairs is a question of its own, whether the two belong together. Tiles need
// not know of each other, so one walk gives the loss and the gradients of one side, and another those of the other
// side.
//
// With l_ij = s·x_i·y_j + b and z_ij = 1 for i = j, else −1, L = −1/G·Σ_ij log σ(z_ij·l_ij). Since d/dt −log σ(t) =
// −σ(−t), ∂L/∂l_ij = −z_ij·σ(−z_ij·l_ij)/G, which is σ(l_ij)/G off the diagonal and (σ(l_ii) − 1)/G on it, both one
// formula: (σ(l_ij) − [i = j])/G. By a cosine it is s times that; by b it is Σ_ij ∂L/∂l_ij; by log s it is
// Σ_ij ∂L/∂l_ij·s·x_i·y_j.
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/contrastive_rule.h"

enum { LOSS, BY_SCALE, BY_BIAS, SUMS }; // of the operation

struct sigmoid {
    int64_t G;
    double *sums; // [SUMS]
    real scale, bias, weight;
    bool gradient;
};

static int64_t sigmoid_bytes(int64_t G) {
    (void)G;
    return SUMS * (int64_t)sizeof(double);
}

static void *sigmoid_new(struct ops *ops, int64_t G) {
    struct sigmoid *sigmoid = xcalloc(1, sizeof *sigmoid);
    sigmoid->G = G;
    sigmoid->sums = ops_allocate(ops, (size_t)sigmoid_bytes(G));
    return sigmoid;
}

static void sigmoid_free(void *rule, struct ops *ops) {
    struct sigmoid *sigmoid = rule;
    ops_release(ops, sigmoid->sums);
    free(sigmoid);
}

// The weight holds s, which makes a gradient of the logits one of the cosines.
static void see_tile(void *rule, struct tiles *tiles, const struct tile *tile) {
    struct sigmoid *sigmoid = rule;
    struct ops *ops = tiles->ops;
    ops->sigmoid_loss(ops, sigmoid->sums, tiles->x, sigmoid->scale, sigmoid->bias, sigmoid->weight * sigmoid->scale,
                      sigmoid->gradient, tile->row - tile->column, tile->R, tile->C);
}

static void walk(struct sigmoid *sigmoid, struct tiles *tiles, const float *rows, const float *columns, float *d,
                 double sums[SUMS]) {
    struct ops *ops = tiles->ops;
    sigmoid->gradient = d;
    ops->zero(ops, sigmoid->sums, (size_t)sigmoid_bytes(sigmoid->G));
    tiles_load_columns(tiles, columns);
    tiles_walk(tiles, rows, d, see_tile, sigmoid);
    ops->download(ops, sums, sigmoid->sums, (size_t)sigmoid_bytes(sigmoid->G));
}

static struct contrastive_result sigmoid_run(void *rule, struct tiles *tiles, const struct contrastive_batch *batch) {
    struct sigmoid *sigmoid = rule;
    double sums[SUMS];
    sigmoid->scale = (real)exp(batch->scalars.logit_scale);
    sigmoid->bias = (real)batch->scalars.logit_bias;
    sigmoid->weight = (real)(batch->lambda / (double)sigmoid->G);
    if (batch->d_text) walk(sigmoid, tiles, batch->text, batch->image, batch->d_text, sums);
    walk(sigmoid, tiles, batch->image, batch->text, batch->d_image, sums);
    return (struct contrastive_result){.loss = sums[LOSS] / (double)sigmoid->G,
                                       .d_logit_scale = sums[BY_SCALE],
                                       .d_logit_bias = sums[BY_BIAS] / sigmoid->scale};
}

// One pair of G belongs together, so the best that all pairs can be given is a probability of 1/G.
static double sigmoid_chance(enum contrastive_convention convention, double G) {
    (void)convention;
    return log(G) - (G > 1 ? (G - 1) * log1p(-1 / G) : 0);
}

const struct contrastive_rule contrastive_sigmoid = {"sigmoid",     sigmoid_new, sigmoid_free,
                                                     sigmoid_bytes, sigmoid_run, sigmoid_chance};
