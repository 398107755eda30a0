// What a linear map needs beside its product: activations, their slopes, and the bias's gradient.
#pragma once

#include "ops/cuda/device.cuh"

template <typename T> // to = scale·weight, of shape's layout
void cuda_widen_weight(struct cuda_backend *cuda, T *to, const int8_t *weight, struct linear_shape shape);
template <typename T> // out[i] = activation(pre[i])
void cuda_activate(struct cuda_backend *cuda, T *out, const T *pre, int64_t n, enum activation activation);
template <typename T> // d[i] *= activation'(pre[i])
void cuda_slope(struct cuda_backend *cuda, T *d, const T *pre, int64_t n, enum activation activation);
template <typename T> // sum[o] += Σ_r x[r,o]
void cuda_column_sums(struct cuda_backend *cuda, float *sum, const T *x, int64_t R, int64_t O);
