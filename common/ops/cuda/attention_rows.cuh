// How the kernels of attention find their rows: one head of one sample.
#pragma once

#include "ops/cuda/device.cuh"

struct attention_head {
    int b, h, q_count, k_count, shift; // query i sees keys up to i + shift when causal
    int64_t q_row, out_row, k_row;     // first rows
};

static __device__ __forceinline__ attention_head head_of(const attention_shape &shape, int b, int h) {
    int64_t q_row = shape.q_start[b];
    int q_count = shape.q_count[b], k_count = shape.k_count[b];
    return {b,
            h,
            q_count,
            k_count,
            shape.causal ? k_count - q_count : INT_MAX / 2,
            q_row,
            shape.out_start ? shape.out_start[b] : q_row,
            shape.k_start[b]};
}

static __device__ __forceinline__ bool key_is_valid(const attention_shape &shape, const attention_head &head, int j) {
    return j < head.k_count && (!shape.key_valid || shape.key_valid[head.k_row + j]);
}

// Where the head's rows begin: those of q, of k or v, of out, of dq (which lies in the rows of out).
template <typename T>
static __device__ __forceinline__ T *q_rows(T *q, const attention_shape &shape, const attention_head &head) {
    return q + head.q_row * shape.q_stride + head.h * shape.width;
}
template <typename T>
static __device__ __forceinline__ T *k_rows(T *k, const attention_shape &shape, const attention_head &head) {
    return k + head.k_row * shape.kv_stride + head.h * shape.width;
}
template <typename T>
static __device__ __forceinline__ T *out_rows(T *out, const attention_shape &shape, const attention_head &head) {
    return out + head.out_row * shape.out_stride + head.h * shape.width;
}
template <typename T>
static __device__ __forceinline__ T *dq_rows(T *dq, const attention_shape &shape, const attention_head &head) {
    return dq + head.out_row * shape.q_stride + head.h * shape.width;
}
// lse is by row of out and head.
static __device__ __forceinline__ int64_t lse_at(const attention_shape &shape, const attention_head &head, int i) {
    return (head.out_row + i) * shape.H + head.h;
}
// d_out·out by sample, query and head.
static __device__ __forceinline__ int64_t along_at(const attention_shape &shape, const attention_head &head, int i) {
    return ((int64_t)head.b * shape.q_max + i) * shape.H + head.h;
}
