// The contrastive loss over a global batch of G pairs, in tiles: the G×G matrix is never held.
//
// L = w·(−Σ_i log softmax_j(s·x_i·y_j)[i] − Σ_j log softmax_i(s·x_i·y_j)[j]) / G, with s = exp(logit_scale), x image
// and y text embeddings, w = 1/2 for CONTRASTIVE_MEAN (open_clip) and 1 for CONTRASTIVE_SUM (arXiv 2205.01917, equation
// 2).
#pragma once

#include "ops/ops.h"

enum contrastive_convention { CONTRASTIVE_MEAN, CONTRASTIVE_SUM };

struct contrastive_result {
    double loss;
    double d_logit_scale; // of λ·L by the logarithm of the scale
};

struct contrastive;
// `ops` computes in DT_REAL. E embedding width, G pairs. Memory is O(G·E), of one side.
struct contrastive *contrastive_new(struct ops *ops, int64_t G, int64_t E);
void contrastive_free(struct contrastive **state);
int64_t contrastive_bytes(int64_t G, int64_t E);

// image, text f32 [G,E] (host) → d_image, d_text f32 [G,E] of λ·L; both NULL: the loss alone.
struct contrastive_result contrastive_run(struct contrastive *state, const float *image, const float *text,
                                          double logit_scale, double lambda, enum contrastive_convention convention,
                                          float *d_image, float *d_text);
