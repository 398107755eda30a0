// Linear maps and activations. With rows in[r], out[r][o] = Σ_i in[r][i]·W[o][i] + bias[o]. Backward, d stands for
// ∂L/∂out:
//
//     ∂L/∂in[r][i]  = Σ_o d[r][o]·W[o][i]       (linear_transposed)
//     ∂L/∂W[o][i]   = Σ_r d[r][o]·in[r][i],   ∂L/∂bias[o] = Σ_r d[r][o]
//
// W and bias serve all rows and several microbatches, hence their "+=". An input serves several maps where a block
// branches, hence `accumulate`. The layout only says where W[o][i] lies.
#include <float.h>
#include <math.h>

#include "ops/reference/reference.h"

// Where W[o][i] lies.
static int64_t weight_index(struct linear_shape shape, int64_t o, int64_t i) {
    return shape.layout == WEIGHT_OUT_IN ? o * shape.I + i : i * shape.O + o;
}

// W[o][i], of either type.
static double weight_at(const void *weight, struct linear_shape shape, int64_t o, int64_t i) {
    int64_t index = weight_index(shape, o, i);
    return shape.scale ? (double)shape.scale[o] * ((const int8_t *)weight)[index] : ((const real *)weight)[index];
}

static double linear(const real *in_row, const void *weight, const real *bias, struct linear_shape shape, int64_t o) {
    double sum = bias ? bias[o] : 0;
    for (int64_t i = 0; i < shape.I; i++) sum += in_row[i] * weight_at(weight, shape, o, i);
    return sum;
}

// Element i of d_out·W.
static double linear_transposed(const real *d_out_row, const real *weight, struct linear_shape shape, int64_t i) {
    double sum = 0;
    for (int64_t o = 0; o < shape.O; o++) sum += (double)d_out_row[o] * weight[weight_index(shape, o, i)];
    return sum;
}

static double normal_cdf(double x) {
    return 0.5 * (1 + erf(x * M_SQRT1_2));
}

// φ(x) = exp(−x²/2)/√(2π), and 1/√(2π) = ½·(2/√π)·(1/√2), the constants that there are.
static double normal_density(double x) {
    return exp(-0.5 * x * x) * 0.5 * M_2_SQRTPI * M_SQRT1_2;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double activate(double x, enum activation activation) {
    return activation == ACTIVATION_GELU ? x * normal_cdf(x) : x * sigmoid(1.702 * x);
}

// By the product rule, with Φ' = φ: (x·Φ(x))' = Φ(x) + x·φ(x). With s = sigmoid(ax) and s' = a·s·(1 − s): (x·s)' = s +
// a·x·s·(1 − s), a = 1.702.
static double activation_slope(double x, enum activation activation) {
    if (activation == ACTIVATION_GELU) return normal_cdf(x) + x * normal_density(x);
    double s = sigmoid(1.702 * x);
    return s + 1.702 * x * s * (1 - s);
}

// NaN where one of the weights is NaN, which `>` passes over.
static real largest_of_output(const real *from, struct linear_shape shape, int64_t o) {
    real largest = 0;
    for (int64_t i = 0; i < shape.I; i++) {
        real size = (real)fabs(from[weight_index(shape, o, i)]);
        if (size > largest || isnan(size)) largest = size;
        if (isnan(largest)) break;
    }
    return largest;
}

void reference_quantize(struct ops *ops, int8_t *weight, real *scale, const real *from, struct linear_shape shape) {
    (void)ops;
    for (int64_t o = 0; o < shape.O; o++) {
        scale[o] = largest_of_output(from, shape, o) / 127;
        if (scale[o] < FLT_MIN) scale[o] = 0;
        for (int64_t i = 0; i < shape.I; i++) {
            int64_t index = weight_index(shape, o, i);
            real steps = isnormal(scale[o]) ? from[index] / scale[o] : 0;
            weight[index] = (int8_t)rint(steps);
        }
    }
}

void reference_linear_forward(struct ops *ops, void *out_, const void *in_, const void *weight, const void *bias,
                              const void *residual_, struct linear_shape shape) {
    (void)ops;
    real *out = out_;
    const real *in = in_, *residual = residual_;
    for (int64_t r = 0; r < shape.R; r++)
        for (int64_t o = 0; o < shape.O; o++) {
            double added = residual ? residual[r * shape.O + o] : 0;
            out[r * shape.O + o] = (real)(linear(in + r * shape.I, weight, bias, shape, o) + added);
        }
}

// The activation is of `pre` as it is stored: the backward pass takes the slope there, where a bf16 backend has
// rounded.
void reference_linear_activation_forward(struct ops *ops, void *out_, void *pre_, const void *in_, const void *weight,
                                         const void *bias, struct linear_shape shape, enum activation activation) {
    (void)ops;
    real *out = out_, *pre = pre_;
    const real *in = in_;
    for (int64_t r = 0; r < shape.R; r++)
        for (int64_t o = 0; o < shape.O; o++) {
            pre[r * shape.O + o] = (real)linear(in + r * shape.I, weight, bias, shape, o);
            out[r * shape.O + o] = (real)activate(pre[r * shape.O + o], activation);
        }
}

void reference_linear_backward_input(struct ops *ops, void *d_in_, const void *d_out_, const void *weight,
                                     struct linear_shape shape, bool accumulate) {
    (void)ops;
    real *d_in = d_in_;
    const real *d_out = d_out_;
    for (int64_t r = 0; r < shape.R; r++)
        for (int64_t i = 0; i < shape.I; i++) {
            double before = accumulate ? d_in[r * shape.I + i] : 0;
            d_in[r * shape.I + i] = (real)(before + linear_transposed(d_out + r * shape.O, weight, shape, i));
        }
}

void reference_linear_activation_backward_input(struct ops *ops, void *d_pre_, const void *d_out_, const void *weight,
                                                const void *pre_, struct linear_shape shape,
                                                enum activation activation) {
    (void)ops;
    real *d_pre = d_pre_;
    const real *d_out = d_out_, *pre = pre_;
    for (int64_t r = 0; r < shape.R; r++)
        for (int64_t i = 0; i < shape.I; i++)
            d_pre[r * shape.I + i] = (real)(linear_transposed(d_out + r * shape.O, weight, shape, i) *
                                            activation_slope(pre[r * shape.I + i], activation));
}

void reference_linear_backward_weight(struct ops *ops, real *d_weight, real *d_bias, const void *d_out_,
                                      const void *in_, struct linear_shape shape) {
    (void)ops;
    const real *d_out = d_out_, *in = in_;
    for (int64_t o = 0; o < shape.O; o++) {
        for (int64_t i = 0; i < shape.I; i++) {
            double sum = 0;
            for (int64_t r = 0; r < shape.R; r++) sum += (double)d_out[r * shape.O + o] * in[r * shape.I + i];
            d_weight[weight_index(shape, o, i)] += (real)sum;
        }
        double sum = 0;
        for (int64_t r = 0; r < shape.R; r++) sum += d_out[r * shape.O + o];
        if (d_bias) d_bias[o] += (real)sum;
    }
}
