// The two losses of a head, with their gradients: softmax over classes, and a sigmoid for each of several answers. A
// sample's targets are spread out into a row of C shares first, so that what a label is given twice adds up and both
// losses read the same. coca-head calls it between its tower's two passes, evaluations without the second.
#include "model/towers/head_loss.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// target[C] of one sample's K labels; the sum of its shares.
static double spread(double *target, int C, const int32_t *label, const float *share, int K) {
    double sum = 0;
    memset(target, 0, (size_t)C * sizeof *target);
    for (int k = 0; k < K; k++) {
        if (label[k] < 0) continue;
        target[label[k]] += share[k];
        sum += share[k];
    }
    return sum;
}

static int best_of(const float *score, int C) {
    int best = 0;
    for (int c = 1; c < C; c++)
        if (score[c] > score[best]) best = c;
    return best;
}

static bool is_correct(const double *target, const float *score, int C) {
    double found = target[best_of(score, C)];
    if (!(found > 0)) return false;
    for (int c = 0; c < C; c++)
        if (target[c] > found) return false;
    return true;
}

// target = a·target + b.
static void smooth(double *target, int C, double a, double b) {
    for (int c = 0; c < C; c++) target[c] = a * target[c] + b;
}

static double logsumexp(const float *score, int C) {
    double largest = score[best_of(score, C)], sum = 0;
    for (int c = 0; c < C; c++) sum += exp(score[c] - largest);
    return largest + log(sum);
}

// L = −Σ_c t_c·(s_c − lse), ∂L/∂s_c = p_c − t_c, since Σ t = 1. d may be NULL.
static double softmax_loss(const float *score, const double *target, int C, double scale, float *d) {
    double lse = logsumexp(score, C), loss = 0;
    for (int c = 0; c < C; c++) {
        loss -= target[c] * (score[c] - lse);
        if (d) d[c] = (float)(scale * (exp(score[c] - lse) - target[c]));
    }
    return loss;
}

// −log σ(s) = max(−s, 0) + log(1 + e^−|s|), and −log σ(−s) is s more: L_c = max(s, 0) − t·s + log(1 + e^−|s|),
// ∂L_c/∂s = σ(s) − t.
static double sigmoid_loss(const float *score, const double *target, int C, double scale, float *d) {
    double loss = 0;
    for (int c = 0; c < C; c++) {
        double s = score[c];
        loss += fmax(s, 0) - target[c] * s + log1p(exp(-fabs(s)));
        if (d) d[c] = (float)(scale * (1 / (1 + exp(-s)) - target[c]));
    }
    return loss;
}

// `shares` is the sum of what stands in `target`.
static double sample_loss(enum head_loss_kind kind, const float *score, double *target, int C, double shares,
                          double smoothing, double scale, float *d) {
    if (kind == HEAD_SIGMOID) {
        smooth(target, C, 1 - smoothing, smoothing / 2);
        return sigmoid_loss(score, target, C, scale, d);
    }
    if (!(shares > 0)) {
        if (d) memset(d, 0, (size_t)C * sizeof *d);
        return 0;
    }
    smooth(target, C, (1 - smoothing) / shares, smoothing / C);
    return softmax_loss(score, target, C, scale, d);
}

struct head_loss head_loss_run(enum head_loss_kind kind, const float *scores, int B, int C,
                               const struct head_targets *targets, double smoothing, double scale, float *d_scores) {
    struct head_loss loss = {0};
    double *target = xcalloc((size_t)C, sizeof *target);
    for (int64_t b = 0; b < B; b++) {
        int64_t at = b * targets->K, row = b * C;
        double shares = spread(target, C, targets->label + at, targets->share + at, targets->K);
        loss.correct += is_correct(target, scores + row, C);
        loss.sum +=
            sample_loss(kind, scores + row, target, C, shares, smoothing, scale, d_scores ? d_scores + row : NULL);
    }
    free(target);
    return loss;
}
