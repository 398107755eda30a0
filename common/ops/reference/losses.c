// Losses of rows, and their gradients in the place of what they were computed from, since nobody needs that again.
//
// Cross entropy of logits x and target t: lse = log Σ_c exp(x[c]), L = lse − x[t]. ∂lse/∂x[c] = exp(x[c] − lse) is the
// softmax, so ∂L/∂x[c] = softmax[c] − [c = t].
//
// Contrastive (CLIP's), of cosines x whose pairs lie on the diagonal, with logits z = s·x: each row's cross entropy
// with its own column as target, plus each column's with its own row, Σ_r (row_lse[r] − z[r][r]) + Σ_c (column_lse[c] −
// z[c][c]). So ∂L/∂z[r][c] = exp(z − row_lse[r]) + exp(z − column_lse[c]) − 2·[r = c], and ∂L/∂s = Σ ∂L/∂z·x. Both
// denominators come from passes of their own (row_logsumexp), which is why a block of rows is enough at a time; what
// else multiplies the loss is in `weight`.
//
// A log Σ exp is taken about the largest, so that no exponential overflows and one of them is 1.
#include <math.h>
#include <string.h>

#include "ops/reference/reference.h"

// log Σ exp(scale·x[i]).
static double logsumexp(const real *x, double scale, int64_t n) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, scale * x[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(scale * x[i] - largest);
    return largest + log(sum);
}

static void cross_entropy_gradient(real *logits, double lse, int32_t target, double scale, int64_t V) {
    for (int64_t c = 0; c < V; c++) logits[c] = (real)(scale * (exp(logits[c] - lse) - (c == target)));
}

void reference_cross_entropy(struct ops *ops, double *total, void *logits_, const int32_t *target, const real *scale,
                             bool gradient, int64_t R, int64_t V) {
    (void)ops;
    for (int64_t r = 0; r < R; r++) {
        real *logits = (real *)logits_ + r * V;
        if (target[r] < 0) {
            if (gradient) memset(logits, 0, (size_t)V * sizeof *logits);
            continue;
        }
        double lse = logsumexp(logits, 1, V);
        *total += lse - logits[target[r]];
        if (gradient) cross_entropy_gradient(logits, lse, target[r], *scale, V);
    }
}

void reference_row_logsumexp(struct ops *ops, real *lse, const void *x, real scale, int64_t R, int64_t C) {
    (void)ops;
    for (int64_t r = 0; r < R; r++) lse[r] = (real)logsumexp((const real *)x + r * C, scale, C);
}

void reference_contrastive_gradient(struct ops *ops, void *x_, double *d_scale, const real *row_lse,
                                    const real *column_lse, real scale, real weight, int64_t first, int64_t R,
                                    int64_t C) {
    (void)ops;
    real *x = x_;
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            double cosine = x[r * C + c], logit = scale * cosine;
            double both = exp(logit - row_lse[r]) + exp(logit - column_lse[c]) - 2 * (c == first + r);
            *d_scale += weight * both * cosine;
            x[r * C + c] = (real)(weight * both);
        }
}

// −log σ(x) = log(1 + exp(−x)), for large |x| too.
static double sigmoid_loss(double x) {
    return fmax(-x, 0) + log1p(exp(-fabs(x)));
}

void reference_sigmoid_loss(struct ops *ops, double *sums, void *x_, real scale, real bias, real weight, bool gradient,
                            int64_t first, int64_t R, int64_t C) {
    (void)ops;
    real *x = x_;
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            double cosine = x[r * C + c], logit = scale * cosine + bias, z = c == first + r ? 1 : -1;
            sums[0] += sigmoid_loss(z * logit);
            if (!gradient) continue;
            double g = -weight * z / (1 + exp(z * logit)); // d/dl −log σ(z·l) = −z·σ(−z·l)
            sums[1] += g * cosine;
            sums[2] += g;
            x[r * C + c] = (real)g;
        }
}
