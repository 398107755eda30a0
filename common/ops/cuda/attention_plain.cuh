// Attention without tensor cores, for f32 and for heads wider than those take: a warp a query, or a key in the gradient
// of keys and values. Lanes hold the scores of 32 keys (or queries) and then, in turn, the columns of a row. Softmax
// goes on the way as in attention_tiles.cuh, 32 keys at a time. No warp waits for another, so there are no barriers.
#pragma once

#include "ops/cuda/attention_rows.cuh"

#define PLAIN_WARPS 4   // of a block
#define PLAIN_WIDTH 256 // of a head, at most
#define PLAIN_COLUMNS (PLAIN_WIDTH / WARP)

template <typename T> static __device__ float dot(const T *a, const T *b, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += as_float(a[i]) * as_float(b[i]);
    return sum;
}

// to[c] += x·row[lane + 32c].
template <typename T>
static __device__ __forceinline__ void add_scaled(float to[PLAIN_COLUMNS], float x, const T *row, int width) {
#pragma unroll
    for (int c = 0; c < PLAIN_COLUMNS; c++) {
        int at = threadIdx.x % WARP + c * WARP;
        if (at < width) to[c] += x * as_float(row[at]);
    }
}

template <typename T>
static __device__ __forceinline__ void write_row(T *row, const float x[PLAIN_COLUMNS], float factor, int width) {
#pragma unroll
    for (int c = 0; c < PLAIN_COLUMNS; c++) {
        int at = threadIdx.x % WARP + c * WARP;
        if (at < width) set(&row[at], x[c] * factor);
    }
}

template <typename T>
static __global__ void plain_forward_kernel(T *out, float *lse, const T *q, const T *k, const T *v,
                                            attention_shape shape, float scale) {
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int i = blockIdx.x * PLAIN_WARPS + threadIdx.x / WARP, lane = threadIdx.x % WARP, width = shape.width;
    if (i >= head.q_count) return;
    const T *query = q_rows(q, shape, head) + i * shape.q_stride;
    const T *keys = k_rows(k, shape, head), *values = k_rows(v, shape, head);
    float largest = -CUDART_INF_F, sum = 0, mix[PLAIN_COLUMNS] = {0};
    for (int first = 0; first < head.k_count && first <= i + head.shift; first += WARP) {
        int j = first + lane, n = min(WARP, head.k_count - first);
        bool seen = key_is_valid(shape, head, j) && j <= i + head.shift;
        float s = seen ? scale * dot(query, keys + j * shape.kv_stride, width) : -CUDART_INF_F;
        float high = fmaxf(largest, warp_max(s));
        // None of the keys so far is seen, and −∞ − −∞ is no number.
        if (high == -CUDART_INF_F) continue;
        float p = expf(s - high), shrink = expf(largest - high);
        sum = sum * shrink + warp_sum(p);
        largest = high;
        for (int c = 0; c < PLAIN_COLUMNS; c++) mix[c] *= shrink;
        for (int t = 0; t < n; t++)
            add_scaled(mix, __shfl_sync(FULL, p, t), values + (first + t) * shape.kv_stride, width);
    }
    write_row(out_rows(out, shape, head) + i * shape.out_stride, mix, sum > 0 ? 1 / sum : 0, width);
    if (lse && lane == 0) lse[lse_at(shape, head, i)] = sum > 0 ? largest + logf(sum) : 0;
}

// p of (query, key) and what the score's gradient is: scale·p·(d_out·v − along).
struct pair {
    float p, ds;
};
template <typename T>
static __device__ __forceinline__ pair pair_of(bool seen, const T *query, const T *key, const T *d_out, const T *value,
                                               float lse, float along, float scale, int width) {
    if (!seen) return {0, 0};
    float p = expf(scale * dot(query, key, width) - lse);
    return {p, scale * p * (dot(d_out, value, width) - along)};
}

template <typename T>
static __global__ void plain_queries_kernel(T *dq, const T *d_out, const T *q, const T *k, const T *v, const float *lse,
                                            const float *along, attention_shape shape, float scale) {
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int i = blockIdx.x * PLAIN_WARPS + threadIdx.x / WARP, lane = threadIdx.x % WARP, width = shape.width;
    if (i >= head.q_count) return;
    const T *query = q_rows(q, shape, head) + i * shape.q_stride;
    const T *mine = out_rows(d_out, shape, head) + i * shape.out_stride;
    const T *keys = k_rows(k, shape, head), *values = k_rows(v, shape, head);
    float sum[PLAIN_COLUMNS] = {0};
    for (int first = 0; first < head.k_count; first += WARP) {
        int j = first + lane, n = min(WARP, head.k_count - first);
        bool seen = key_is_valid(shape, head, j) && j <= i + head.shift;
        pair at = pair_of(seen, query, keys + j * shape.kv_stride, mine, values + j * shape.kv_stride,
                          lse[lse_at(shape, head, i)], along[along_at(shape, head, i)], scale, width);
        for (int t = 0; t < n; t++)
            add_scaled(sum, __shfl_sync(FULL, at.ds, t), keys + (first + t) * shape.kv_stride, width);
    }
    write_row(dq_rows(dq, shape, head) + i * shape.q_stride, sum, 1, width);
}

template <typename T>
static __global__ void plain_keys_kernel(T *dk, T *dv, const T *d_out, const T *q, const T *k, const T *v,
                                         const float *lse, const float *along, attention_shape shape, float scale) {
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int j = blockIdx.x * PLAIN_WARPS + threadIdx.x / WARP, lane = threadIdx.x % WARP, width = shape.width;
    if (j >= head.k_count) return;
    const T *queries = q_rows(q, shape, head), *theirs = out_rows(d_out, shape, head);
    const T *key = k_rows(k, shape, head) + j * shape.kv_stride, *value = k_rows(v, shape, head) + j * shape.kv_stride;
    bool valid = key_is_valid(shape, head, j);
    float by_key[PLAIN_COLUMNS] = {0}, by_value[PLAIN_COLUMNS] = {0};
    for (int first = 0; first < head.q_count; first += WARP) {
        int i = first + lane, n = min(WARP, head.q_count - first);
        bool seen = valid && i < head.q_count && j <= i + head.shift;
        pair at = {0, 0};
        if (seen)
            at = pair_of(true, queries + i * shape.q_stride, key, theirs + i * shape.out_stride, value,
                         lse[lse_at(shape, head, i)], along[along_at(shape, head, i)], scale, width);
        for (int t = 0; t < n; t++) {
            add_scaled(by_key, __shfl_sync(FULL, at.ds, t), queries + (first + t) * shape.q_stride, width);
            add_scaled(by_value, __shfl_sync(FULL, at.p, t), theirs + (first + t) * shape.out_stride, width);
        }
    }
    write_row(k_rows(dk, shape, head) + j * shape.kv_stride, by_key, 1, width);
    write_row(k_rows(dv, shape, head) + j * shape.kv_stride, by_value, 1, width);
}

static inline dim3 plain_grid(const attention_shape *shape, int rows) {
    return dim3(cuda_blocks(rows, PLAIN_WARPS), (unsigned)shape->H, (unsigned)shape->B);
}

template <typename T>
static void plain_forward(struct cuda_backend *cuda, T *out, float *lse, const T *q, const T *k, const T *v,
                          const attention_shape *shape, float scale) {
    plain_forward_kernel<<<plain_grid(shape, shape->q_max), PLAIN_WARPS * WARP, 0, cuda->stream>>>(out, lse, q, k, v,
                                                                                                   *shape, scale);
    CUDA_LAUNCHED();
}

template <typename T>
static void plain_backward(struct cuda_backend *cuda, T *dq, T *dk, T *dv, const T *d_out, const T *q, const T *k,
                           const T *v, const float *lse, const float *along, const attention_shape *shape,
                           float scale) {
    if (shape->q_max)
        plain_queries_kernel<<<plain_grid(shape, shape->q_max), PLAIN_WARPS * WARP, 0, cuda->stream>>>(
            dq, d_out, q, k, v, lse, along, *shape, scale);
    CUDA_LAUNCHED();
    if (shape->k_max)
        plain_keys_kernel<<<plain_grid(shape, shape->k_max), PLAIN_WARPS * WARP, 0, cuda->stream>>>(
            dk, dv, d_out, q, k, v, lse, along, *shape, scale);
    CUDA_LAUNCHED();
}
