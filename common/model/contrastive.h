// The contrastive loss over a global batch of G pairs, in tiles: the G×G matrix is never held. x are image and y text
// embeddings, s = exp(logit_scale), b = logit_bias.
//
// Softmax: L = w·(−Σ_i log softmax_j(s·x_i·y_j)[i] − Σ_j log softmax_i(s·x_i·y_j)[j]) / G, with w = 1/2 for
// CONTRASTIVE_MEAN (open_clip) and 1 for CONTRASTIVE_SUM (arXiv 2205.01917, equation 2). It has no bias.
//
// Sigmoid: L = −Σ_ij log σ(z_ij·(s·x_i·y_j + b)) / G, with z = 1 on the diagonal and −1 off it (arXiv 2303.15343). The
// convention does not concern it.
#pragma once

#include "ops/ops.h"

enum contrastive_kind { CONTRASTIVE_SOFTMAX, CONTRASTIVE_SIGMOID, CONTRASTIVE_KINDS };
enum contrastive_convention { CONTRASTIVE_MEAN, CONTRASTIVE_SUM };

// What is learned with the loss.
struct contrastive_scalars {
    double logit_scale, logit_bias; // the logarithm of s; b, 0 where the model has none
};

struct contrastive_result {
    double loss;
    double d_logit_scale, d_logit_bias; // of λ·L
};

struct contrastive;
// `ops` computes in DT_REAL. E embedding width, G pairs. Memory is O(G·E), of one side.
struct contrastive *contrastive_new(struct ops *ops, enum contrastive_kind kind, int64_t G, int64_t E);
void contrastive_free(struct contrastive **contrastive);
int64_t contrastive_bytes(enum contrastive_kind kind, int64_t G, int64_t E); // of the device

// image, text f32 [G,E] (host) → d_image, d_text f32 [G,E] of λ·L; both NULL: the loss alone.
struct contrastive_result contrastive_run(struct contrastive *contrastive, const float *image, const float *text,
                                          struct contrastive_scalars scalars, double lambda,
                                          enum contrastive_convention convention, float *d_image, float *d_text);

const char *contrastive_name(enum contrastive_kind kind); // "softmax"
// The loss of a model that knows nothing of what belongs together: the best that the same logit for all pairs can do.
double contrastive_chance(enum contrastive_kind kind, enum contrastive_convention convention, int64_t G);
