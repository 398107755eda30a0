// CLIP's loss as a rule: each row and each column of the scaled cosines is a softmax over G pairs whose own pair is the
// right one. Two walks find the denominators, two more the gradients.
//
// With l_ij = s·x_i·y_j, R_i = log Σ_j exp(l_ij) and C_j = log Σ_i exp(l_ij), L = w/G·(Σ_i R_i + Σ_j C_j − 2·Σ_i l_ii),
// so ∂L/∂l_ij = w/G·(exp(l_ij − R_i) + exp(l_ij − C_j) − 2·[i = j]). By a cosine it is s times that, and by log s it is
// Σ_ij ∂L/∂l_ij·l_ij, the same from whichever side the tiles are walked.
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/contrastive_rule.h"

enum side { IMAGE, TEXT };

struct softmax {
    int64_t G;
    real *tile_lse; // [TILE]
    real *lse[2];   // [G], of image rows over texts and of text rows over images
    double *d_scale;
    double *host_lse[2]; // [G]
    real *host;          // [G]
    enum side side;      // whose rows are walked
    real scale, weight;
};

static int64_t softmax_bytes(int64_t G) {
    return (TILE + 2 * G) * (int64_t)sizeof(real) + (int64_t)sizeof(double);
}

static void *softmax_new(struct ops *ops, int64_t G) {
    struct softmax *softmax = xcalloc(1, sizeof *softmax);
    softmax->G = G;
    softmax->tile_lse = ops_allocate(ops, TILE * sizeof(real));
    softmax->d_scale = ops_allocate(ops, sizeof *softmax->d_scale);
    for (int side = 0; side < 2; side++) {
        softmax->lse[side] = ops_allocate(ops, (size_t)G * sizeof(real));
        softmax->host_lse[side] = xcalloc((size_t)G, sizeof(double));
    }
    softmax->host = xcalloc((size_t)G, sizeof *softmax->host);
    return softmax;
}

static void softmax_free(void *rule, struct ops *ops) {
    struct softmax *softmax = rule;
    ops_release(ops, softmax->tile_lse);
    ops_release(ops, softmax->d_scale);
    for (int side = 0; side < 2; side++) {
        ops_release(ops, softmax->lse[side]);
        free(softmax->host_lse[side]);
    }
    free(softmax->host);
    free(softmax);
}

// lse ← log(exp(lse) + exp(more)) by row: the denominator of all tiles so far and of one more. With the larger of the
// two taken out, h, it is h + log(exp(lse − h) + exp(more − h)), where one exponential is 1 and none overflows. In f64,
// since a row passes here G/TILE times. The first tile has nothing to join.
static void join_denominators(double *lse, const real *more, int64_t R, bool first) {
    for (int64_t r = 0; r < R; r++) {
        double high = first ? more[r] : fmax(lse[r], more[r]);
        lse[r] = first ? high : high + log(exp(lse[r] - high) + exp(more[r] - high));
    }
}

static void see_denominators(void *rule, struct tiles *tiles, const struct tile *tile) {
    struct softmax *softmax = rule;
    struct ops *ops = tiles->ops;
    ops->row_logsumexp(ops, softmax->tile_lse, tiles->x, softmax->scale, tile->R, tile->C);
    ops->download(ops, softmax->host, softmax->tile_lse, (size_t)tile->R * sizeof *softmax->host);
    join_denominators(softmax->host_lse[softmax->side] + tile->row, softmax->host, tile->R, tile->column == 0);
}

static void find_denominators(struct softmax *softmax, struct tiles *tiles, enum side side, const float *embedding) {
    softmax->side = side;
    tiles_walk(tiles, embedding, NULL, see_denominators, softmax);
    dtype_convert(softmax->host, DT_REAL, softmax->host_lse[side], DT_F64, (size_t)softmax->G);
    tiles->ops->upload(tiles->ops, softmax->lse[side], softmax->host, (size_t)softmax->G * sizeof *softmax->host);
}

// The weight holds s, which makes a gradient of the logits one of the cosines, and Σ g·x one by log s.
static void see_gradient(void *rule, struct tiles *tiles, const struct tile *tile) {
    struct softmax *softmax = rule;
    struct ops *ops = tiles->ops;
    ops->contrastive_gradient(ops, tiles->x, softmax->d_scale, softmax->lse[softmax->side] + tile->row,
                              softmax->lse[!softmax->side] + tile->column, softmax->scale,
                              softmax->weight * softmax->scale, tile->row - tile->column, tile->R, tile->C);
}

// d[G,E] of one side; returns the gradient by log s.
static double gradient_of_side(struct softmax *softmax, struct tiles *tiles, enum side side, const float *embedding,
                               float *d) {
    struct ops *ops = tiles->ops;
    double d_scale;
    softmax->side = side;
    ops->zero(ops, softmax->d_scale, sizeof d_scale);
    tiles_walk(tiles, embedding, d, see_gradient, softmax);
    ops->download(ops, &d_scale, softmax->d_scale, sizeof d_scale);
    return d_scale;
}

// Σ_i R_i + C_i − 2·l_ii.
static double sum_losses(const struct softmax *softmax, const float *image, const float *text, int64_t E,
                         double scale) {
    double sum = 0;
    for (int64_t i = 0; i < softmax->G; i++) {
        double cosine = 0;
        for (int64_t e = i * E; e < (i + 1) * E; e++) cosine += (double)image[e] * text[e];
        sum += softmax->host_lse[IMAGE][i] + softmax->host_lse[TEXT][i] - 2 * scale * cosine;
    }
    return sum;
}

static struct contrastive_result softmax_run(void *rule, struct tiles *tiles, const struct contrastive_batch *batch) {
    struct softmax *softmax = rule;
    struct contrastive_result result = {0};
    double scale = exp(batch->scalars.logit_scale);
    double mean = (batch->convention == CONTRASTIVE_MEAN ? 0.5 : 1) / (double)softmax->G;
    softmax->scale = (real)scale;
    softmax->weight = (real)(batch->lambda * mean);
    tiles_load_columns(tiles, batch->text);
    find_denominators(softmax, tiles, IMAGE, batch->image);
    tiles_load_columns(tiles, batch->image);
    find_denominators(softmax, tiles, TEXT, batch->text);
    result.loss = mean * sum_losses(softmax, batch->image, batch->text, tiles->E, scale);
    if (!batch->d_image) return result;
    gradient_of_side(softmax, tiles, TEXT, batch->text, batch->d_text);
    tiles_load_columns(tiles, batch->text);
    result.d_logit_scale = gradient_of_side(softmax, tiles, IMAGE, batch->image, batch->d_image);
    return result;
}

// Every softmax is uniform.
static double softmax_chance(enum contrastive_convention convention, double G) {
    return (convention == CONTRASTIVE_MEAN ? 1 : 2) * log(G);
}

const struct contrastive_rule contrastive_softmax = {"softmax",     softmax_new, softmax_free,
                                                     softmax_bytes, softmax_run, softmax_chance};
