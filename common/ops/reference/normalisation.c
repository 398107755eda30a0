// LayerNorm and rows of length 1. LayerNorm of a row of D numbers, with mean m and r = (variance + ε)^−½:
//
//     x̂[i] = (x[i] − m)·r,   out[i] = x̂[i]·weight[i] + bias[i]
//
// m and r depend on every x: ∂m/∂x[i] = 1/D and ∂r/∂x[i] = −½r³·2(x[i] − m)/D = −r²·x̂[i]/D, so ∂x̂[j]/∂x[i] =
// r·([i = j] − 1/D − x̂[j]·x̂[i]/D). With d = ∂L/∂out and g = d ∘ weight = ∂L/∂x̂, the sum over j is
//
//     ∂L/∂x[i] = r·(g[i] − mean(g) − x̂[i]·mean(g ∘ x̂))
//
// what is left of g without its parts along the constant and along x̂, to which LayerNorm is blind (to the second but
// for ε). Over rows, d_weight[i] = Σ d[i]·x̂[i] and d_bias[i] = Σ d[i].
#include <math.h>

#include "ops/reference/reference.h"

#define LAYERNORM_EPSILON 1e-5
#define NORMALIZE_EPSILON 1e-12

static double mean_of(const real *x, int64_t D) {
    double sum = 0;
    for (int64_t i = 0; i < D; i++) sum += x[i];
    return sum / (double)D;
}

// About the mean, in a second pass: E[x²] − m² would lose every digit where the mean is large.
static double variance_of(const real *x, double mean, int64_t D) {
    double sum = 0;
    for (int64_t i = 0; i < D; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)D;
}

void reference_layernorm_forward(struct ops *ops, void *out_, real *mean, real *rstd, const void *in_,
                                 const real *weight, const real *bias, int64_t R, int64_t D) {
    (void)ops;
    for (int64_t r = 0; r < R; r++) {
        const real *in = (const real *)in_ + r * D;
        real *out = (real *)out_ + r * D;
        mean[r] = (real)mean_of(in, D);
        rstd[r] = (real)(1 / sqrt(variance_of(in, mean[r], D) + LAYERNORM_EPSILON));
        for (int64_t i = 0; i < D; i++) out[i] = (in[i] - mean[r]) * rstd[r] * weight[i] + bias[i];
    }
}

// The formula above, for one row.
static void layernorm_backward_row(real *d_in, const real *d_out, const real *in, const real *weight, double mean,
                                   double rstd, int64_t D, bool accumulate) {
    double sum_g = 0, sum_gx = 0;
    for (int64_t i = 0; i < D; i++) {
        double g = (double)d_out[i] * weight[i];
        sum_g += g;
        sum_gx += g * (in[i] - mean) * rstd;
    }
    for (int64_t i = 0; i < D; i++) {
        double x = (in[i] - mean) * rstd;
        double d = rstd * ((double)d_out[i] * weight[i] - sum_g / (double)D - x * sum_gx / (double)D);
        d_in[i] = (real)(accumulate ? d_in[i] + d : d);
    }
}

void reference_layernorm_backward(struct ops *ops, void *d_in_, real *d_weight, real *d_bias, const void *d_out_,
                                  const void *in_, const real *weight, const real *mean, const real *rstd, int64_t R,
                                  int64_t D, bool accumulate) {
    (void)ops;
    const real *in = in_, *d_out = d_out_;
    for (int64_t i = 0; i < D; i++) {
        double sum = 0, sum_x = 0;
        for (int64_t r = 0; r < R; r++) {
            sum += d_out[r * D + i];
            sum_x += (double)d_out[r * D + i] * (in[r * D + i] - mean[r]) * rstd[r];
        }
        d_weight[i] += (real)sum_x;
        d_bias[i] += (real)sum;
    }
    for (int64_t r = 0; r < R; r++)
        layernorm_backward_row((real *)d_in_ + r * D, d_out + r * D, in + r * D, weight, mean[r], rstd[r], D,
                               accumulate);
}

void reference_normalize_forward(struct ops *ops, real *out, real *norm, const void *in_, int64_t R, int64_t D) {
    (void)ops;
    for (int64_t r = 0; r < R; r++) {
        const real *in = (const real *)in_ + r * D;
        double sum = 0;
        for (int64_t i = 0; i < D; i++) sum += (double)in[i] * in[i];
        norm[r] = (real)fmax(sqrt(sum), NORMALIZE_EPSILON);
        for (int64_t i = 0; i < D; i++) out[r * D + i] = in[i] / norm[r];
    }
}

// y = x/n with n = ‖x‖ and ∂n/∂x[i] = y[i]: ∂y[j]/∂x[i] = ([i = j] − y[j]·y[i])/n, so d_x = (d_y − y·(y·d_y))/n. A
// vector's length does not reach y, and so gets no gradient.
void reference_normalize_backward(struct ops *ops, void *d_in_, const real *d_out, const real *out, const real *norm,
                                  int64_t R, int64_t D) {
    (void)ops;
    real *d_in = d_in_;
    for (int64_t r = 0; r < R; r++) {
        double along = 0;
        for (int64_t i = r * D; i < (r + 1) * D; i++) along += (double)d_out[i] * out[i];
        for (int64_t i = r * D; i < (r + 1) * D; i++) d_in[i] = (real)((d_out[i] - out[i] * along) / norm[r]);
    }
}
