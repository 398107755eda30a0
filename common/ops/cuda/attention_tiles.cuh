// Attention on tensor cores, bf16, heads of up to 128. A block has 64 rows of one head, a warp 16 of them, and goes
// through the other side 64 rows at a time; the next 64 come in while it computes. W is the head's width rounded up to
// 16; the columns added are zero. Rows in shared memory are W + 8 elements apart, so that eight of them begin in
// different banks.
#pragma once

#include "ops/cuda/attention_rows.cuh"
#include "ops/cuda/mma.cuh"

#define TILE 64
#define TILE_THREADS 128
#define HALF 32 // rows of the other side for which the backward kernels hold scores at a time
#define LOG2_E 1.4426950408889634f
#define LN_2 0.6931471805599453f

// Begins to fetch rows first … first + 64 of `count` that lie `stride` elements apart; what is beyond them, or beyond
// `width`, is zero.
template <int W>
static __device__ __forceinline__ void fetch_tile(bf16 *to, const bf16 *rows, int64_t stride, int first, int count,
                                                  int width, bool aligned) {
    constexpr int pieces = W / 8, S = W + 8;
    if (aligned) {
        for (int n = threadIdx.x; n < TILE * pieces; n += TILE_THREADS) {
            int r = n / pieces, at = n % pieces * 8;
            bool there = first + r < count && at < width;
            ptx_fetch(to + r * S + at, there ? rows + (first + r) * stride + at : rows, there);
        }
        return;
    }
    for (int n = threadIdx.x; n < TILE * W; n += TILE_THREADS) {
        int r = n / W, at = n % W;
        bool there = first + r < count && at < width;
        to[r * S + at] = there ? rows[(first + r) * stride + at] : __float2bfloat16(0);
    }
}

// A warp's 16 rows of sums: rows `row` and `row + 8` of the tile belong to this lane.
template <int W>
static __device__ __forceinline__ void store_rows(bf16 *rows, int64_t stride, int row, int count, int width,
                                                  bool aligned, const float c[W / 8][4], const float factor[2]) {
    int column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < W / 8; n++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int r = row + half * 8, at = n * 8 + column;
            if (r >= count || at >= width) continue;
            float x = c[n][half * 2] * factor[half], y = c[n][half * 2 + 1] * factor[half];
            bf16 *to = rows + r * stride + at;
            if (aligned) {
                *(uint32_t *)to = pack(x, y);
                continue;
            }
            to[0] = __float2bfloat16(x);
            if (at + 1 < width) to[1] = __float2bfloat16(y);
        }
}

// c[16 rows of a, N rows of b] += a·bᵀ, both in shared memory.
template <int W, int N>
static __device__ __forceinline__ void multiply_rows(float c[N / 8][4], const bf16 *a, const bf16 *b) {
    constexpr int S = W + 8;
#pragma unroll
    for (int k = 0; k < W; k += 16) {
        left x = load_left(a, S, k);
#pragma unroll
        for (int n = 0; n < N; n += 16) {
            right y[2];
            load_right(y, b + n * S, S, k);
            mma(c[n / 8], x, y[0]);
            mma(c[n / 8 + 1], x, y[1]);
        }
    }
}

// c[16,W] += p[16,N]·b[N,W], b in shared memory, p as sums of its columns.
template <int W, int N>
static __device__ __forceinline__ void multiply_mix(float c[W / 8][4], const float p[N / 8][4], const bf16 *b) {
    constexpr int S = W + 8;
#pragma unroll
    for (int n = 0; n < N; n += 16) {
        left x = left_of(p[n / 8], p[n / 8 + 1]);
#pragma unroll
        for (int w = 0; w < W; w += 16) {
            right y[2];
            load_right_turned(y, b + n * S, S, w);
            mma(c[w / 8], x, y[0]);
            mma(c[w / 8 + 1], x, y[1]);
        }
    }
}

static __device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(FULL, x, 1));
    return fmaxf(x, __shfl_xor_sync(FULL, x, 2));
}
static __device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(FULL, x, 1);
    return x + __shfl_xor_sync(FULL, x, 2);
}

// Whether every one of `queries` sees every one of `keys`, which saves asking for each pair.
static __device__ __forceinline__ bool all_seen(const attention_shape &shape, const attention_head &head, int query,
                                                int queries, int key, int keys) {
    return !shape.key_valid && query + queries <= head.q_count && key + keys <= head.k_count &&
           key + keys - 1 <= query + head.shift;
}

static __device__ __forceinline__ void scale_scores(float s[TILE / 8][4], float scale2) {
#pragma unroll
    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) s[n][e] *= scale2;
}

// Scores in units of log 2 of the lane's two rows; those of keys that are not seen become −∞. i: the first row's query.
static __device__ __forceinline__ void mask_scores(float s[TILE / 8][4], float scale2, int i, int first, int shift,
                                                   const uint8_t *valid) {
#pragma unroll
    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int at = n * 8 + threadIdx.x % 4 * 2 + e % 2;
            bool seen = valid[at] && first + at <= i + e / 2 * 8 + shift;
            s[n][e] = seen ? s[n][e] * scale2 : -CUDART_INF_F;
        }
}

// One row's softmax so far, in units of log 2: the largest score, and this lane's share of the sum.
struct softmax_row {
    float largest, sum;
};

// Scores of the row become p; returns what earlier sums shrink by.
static __device__ __forceinline__ float soften(float s[TILE / 8][4], int half, softmax_row *row) {
    float high = row->largest, sum = 0;
#pragma unroll
    for (int n = 0; n < TILE / 8; n++) high = fmaxf(high, fmaxf(s[n][half * 2], s[n][half * 2 + 1]));
    high = quad_max(high);
    float base = high == -CUDART_INF_F ? 0 : high, shrink = exp2f(row->largest - base);
#pragma unroll
    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int e = half * 2; e < half * 2 + 2; e++) {
            s[n][e] = exp2f(s[n][e] - base);
            sum += s[n][e];
        }
    row->largest = high;
    row->sum = row->sum * shrink + sum;
    return shrink;
}

// Two tiles of the other side, and what is known of its rows.
template <int W> struct side {
    bf16 first[TILE * (W + 8)], second[TILE * (W + 8)]; // keys and values, or queries and gradients
    float2 of[TILE];                                    // of queries: lse in units of log 2, along
    uint8_t valid[TILE];                                // of keys
};

template <int W> struct forward_memory {
    bf16 queries[TILE * (W + 8)];
    side<W> keys[2];
};

template <int W>
static __device__ __forceinline__ void fetch_keys(side<W> *to, const bf16 *k, const bf16 *v,
                                                  const attention_shape &shape, const attention_head &head, int first,
                                                  bool aligned) {
    fetch_tile<W>(to->first, k_rows(k, shape, head), shape.kv_stride, first, head.k_count, shape.width, aligned);
    fetch_tile<W>(to->second, k_rows(v, shape, head), shape.kv_stride, first, head.k_count, shape.width, aligned);
    if (threadIdx.x < TILE) to->valid[threadIdx.x] = key_is_valid(shape, head, first + (int)threadIdx.x);
    ptx_end_group();
}

template <int W>
static __global__ void __launch_bounds__(TILE_THREADS)
    tile_forward_kernel(bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, attention_shape shape,
                        float scale2, bool aligned) {
    constexpr int S = W + 8;
    extern __shared__ __align__(16) char memory[];
    forward_memory<W> *shared = (forward_memory<W> *)memory;
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int begin = blockIdx.x * TILE, warp = threadIdx.x / WARP, row = begin + warp * 16 + threadIdx.x % WARP / 4;
    if (begin >= head.q_count) return;
    int last = min(begin + TILE, head.q_count) - 1, end = min((int64_t)head.k_count, (int64_t)last + head.shift + 1);
    bool idle = begin + warp * 16 >= head.q_count;
    float mix[W / 8][4] = {};
    softmax_row soft[2] = {
        {-CUDART_INF_F, 0},
        {-CUDART_INF_F, 0}
    };
    fetch_tile<W>(shared->queries, q_rows(q, shape, head), shape.q_stride, begin, head.q_count, shape.width, aligned);
    fetch_keys(&shared->keys[0], k, v, shape, head, 0, aligned);
    for (int first = 0, now = 0; first < end; first += TILE, now ^= 1) {
        side<W> *keys = &shared->keys[now];
        float s[TILE / 8][4] = {};
        fetch_keys(&shared->keys[now ^ 1], k, v, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        if (!idle) {
            multiply_rows<W, TILE>(s, shared->queries + warp * 16 * S, keys->first);
            if (all_seen(shape, head, begin + warp * 16, 16, first, TILE))
                scale_scores(s, scale2);
            else
                mask_scores(s, scale2, row, first, head.shift, keys->valid);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float shrink = soften(s, half, &soft[half]);
#pragma unroll
                for (int n = 0; n < W / 8; n++) {
                    mix[n][half * 2] *= shrink;
                    mix[n][half * 2 + 1] *= shrink;
                }
            }
            multiply_mix<W, TILE>(mix, s, keys->second);
        }
        __syncthreads(); // before the next tile but one takes this one's place
    }
    ptx_wait_fetched<0>();
    float factor[2];
    for (int half = 0; half < 2; half++) {
        float sum = quad_sum(soft[half].sum);
        int i = row + half * 8;
        factor[half] = sum > 0 ? 1 / sum : 0;
        if (lse && threadIdx.x % 4 == 0 && i < head.q_count)
            lse[lse_at(shape, head, i)] = sum > 0 ? soft[half].largest * LN_2 + logf(sum) : 0;
    }
    store_rows<W>(out_rows(out, shape, head), shape.out_stride, row, head.q_count, shape.width, aligned, mix, factor);
}

// p and ds of 16 rows against HALF of the other side; `s` and `dp` become them. seen(n, e) says whether the pair of the
// lane's element counts, unless all do; query(n, e) gives lse in units of log 2 and along of its query.
template <typename Seen, typename Query>
static __device__ __forceinline__ void score_gradients(float s[HALF / 8][4], float dp[HALF / 8][4], float scale,
                                                       bool all, Seen seen, Query query) {
    float scale2 = scale * LOG2_E;
    if (all) {
#pragma unroll
        for (int n = 0; n < HALF / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float2 of = query(n, e);
                s[n][e] = exp2f(s[n][e] * scale2 - of.x);
                dp[n][e] = scale * s[n][e] * (dp[n][e] - of.y);
            }
        return;
    }
#pragma unroll
    for (int n = 0; n < HALF / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float2 of = query(n, e);
            float p = seen(n, e) ? exp2f(s[n][e] * scale2 - of.x) : 0;
            s[n][e] = p;
            dp[n][e] = p ? scale * p * (dp[n][e] - of.y) : 0;
        }
}

// What a query's scores are taken off by: lse in units of log 2, and along.
static __device__ __forceinline__ float2 offsets_of(const float *lse, const float *along, const attention_shape &shape,
                                                    const attention_head &head, int i) {
    if (i >= head.q_count) return make_float2(0, 0);
    return make_float2(lse[lse_at(shape, head, i)] * LOG2_E, along[along_at(shape, head, i)]);
}

template <int W> struct queries_memory {
    bf16 queries[TILE * (W + 8)], mine[TILE * (W + 8)]; // mine: d_out
    side<W> keys[2];
};

// dq of 64 queries.
template <int W>
static __global__ void __launch_bounds__(TILE_THREADS)
    tile_queries_kernel(bf16 *dq, const bf16 *d_out, const bf16 *q, const bf16 *k, const bf16 *v, const float *lse,
                        const float *along, attention_shape shape, float scale, bool aligned) {
    constexpr int S = W + 8;
    extern __shared__ __align__(16) char memory[];
    queries_memory<W> *shared = (queries_memory<W> *)memory;
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int begin = blockIdx.x * TILE, warp = threadIdx.x / WARP, row = begin + warp * 16 + threadIdx.x % WARP / 4;
    if (begin >= head.q_count) return;
    int last = min(begin + TILE, head.q_count) - 1, end = min((int64_t)head.k_count, (int64_t)last + head.shift + 1);
    bool idle = begin + warp * 16 >= head.q_count;
    const float2 of[2] = {offsets_of(lse, along, shape, head, row), offsets_of(lse, along, shape, head, row + 8)};
    float sum[W / 8][4] = {};
    fetch_tile<W>(shared->queries, q_rows(q, shape, head), shape.q_stride, begin, head.q_count, shape.width, aligned);
    fetch_tile<W>(shared->mine, out_rows(d_out, shape, head), shape.out_stride, begin, head.q_count, shape.width,
                  aligned);
    fetch_keys(&shared->keys[0], k, v, shape, head, 0, aligned);
    for (int first = 0, now = 0; first < end; first += TILE, now ^= 1) {
        side<W> *keys = &shared->keys[now];
        fetch_keys(&shared->keys[now ^ 1], k, v, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        for (int part = 0; part < TILE && first + part < end && !idle; part += HALF) {
            float s[HALF / 8][4] = {}, dp[HALF / 8][4] = {};
            multiply_rows<W, HALF>(s, shared->queries + warp * 16 * S, keys->first + part * S);
            multiply_rows<W, HALF>(dp, shared->mine + warp * 16 * S, keys->second + part * S);
            auto seen = [&](int n, int e) {
                int at = part + n * 8 + threadIdx.x % 4 * 2 + e % 2, i = row + e / 2 * 8;
                return keys->valid[at] && first + at <= i + head.shift && i < head.q_count;
            };
            bool all = all_seen(shape, head, begin + warp * 16, 16, first + part, HALF);
            score_gradients(s, dp, scale, all, seen, [&](int, int e) { return of[e / 2]; });
            multiply_mix<W, HALF>(sum, dp, keys->first + part * S);
        }
        __syncthreads();
    }
    ptx_wait_fetched<0>();
    const float one[2] = {1, 1};
    store_rows<W>(dq_rows(dq, shape, head), shape.q_stride, row, head.q_count, shape.width, aligned, sum, one);
}

template <int W> struct keys_memory {
    bf16 keys[TILE * (W + 8)], values[TILE * (W + 8)];
    side<W> queries[2];
};

template <int W>
static __device__ __forceinline__ void fetch_queries(side<W> *to, const bf16 *q, const bf16 *d_out, const float *lse,
                                                     const float *along, const attention_shape &shape,
                                                     const attention_head &head, int first, bool aligned) {
    fetch_tile<W>(to->first, q_rows(q, shape, head), shape.q_stride, first, head.q_count, shape.width, aligned);
    fetch_tile<W>(to->second, out_rows(d_out, shape, head), shape.out_stride, first, head.q_count, shape.width,
                  aligned);
    if (threadIdx.x < TILE) to->of[threadIdx.x] = offsets_of(lse, along, shape, head, first + (int)threadIdx.x);
    ptx_end_group();
}

// dk and dv of 64 keys: the scores are turned, keys by queries.
template <int W>
static __global__ void __launch_bounds__(TILE_THREADS, W <= 64 ? 3 : 1)
    tile_keys_kernel(bf16 *dk, bf16 *dv, const bf16 *d_out, const bf16 *q, const bf16 *k, const bf16 *v,
                     const float *lse, const float *along, attention_shape shape, float scale, bool aligned) {
    constexpr int S = W + 8;
    extern __shared__ __align__(16) char memory[];
    keys_memory<W> *shared = (keys_memory<W> *)memory;
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    int begin = blockIdx.x * TILE, warp = threadIdx.x / WARP, row = begin + warp * 16 + threadIdx.x % WARP / 4;
    if (begin >= head.k_count) return;
    const bool valid[2] = {key_is_valid(shape, head, row), key_is_valid(shape, head, row + 8)};
    // The first query that sees the block's first key, and the warp's: parts before it hold none.
    int from = max((int64_t)0, (int64_t)begin - head.shift) / HALF * HALF;
    int mine = begin + warp * 16 < head.k_count ? begin + warp * 16 - head.shift : INT_MAX;
    float by_key[W / 8][4] = {}, by_value[W / 8][4] = {};
    fetch_tile<W>(shared->keys, k_rows(k, shape, head), shape.kv_stride, begin, head.k_count, shape.width, aligned);
    fetch_tile<W>(shared->values, k_rows(v, shape, head), shape.kv_stride, begin, head.k_count, shape.width, aligned);
    fetch_queries(&shared->queries[0], q, d_out, lse, along, shape, head, from, aligned);
    for (int first = from, now = 0; first < head.q_count; first += TILE, now ^= 1) {
        side<W> *queries = &shared->queries[now];
        fetch_queries(&shared->queries[now ^ 1], q, d_out, lse, along, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        for (int part = 0; part < TILE && first + part < head.q_count; part += HALF) {
            if (first + part + HALF <= mine) continue;
            float s[HALF / 8][4] = {}, dp[HALF / 8][4] = {};
            multiply_rows<W, HALF>(s, shared->keys + warp * 16 * S, queries->first + part * S);
            multiply_rows<W, HALF>(dp, shared->values + warp * 16 * S, queries->second + part * S);
            auto at = [&](int n, int e) { return part + n * 8 + (int)threadIdx.x % 4 * 2 + e % 2; };
            auto seen = [&](int n, int e) {
                int i = first + at(n, e);
                return valid[e / 2] && i < head.q_count && row + e / 2 * 8 <= i + head.shift;
            };
            bool all = all_seen(shape, head, first + part, HALF, begin + warp * 16, 16);
            score_gradients(s, dp, scale, all, seen, [&](int n, int e) { return queries->of[at(n, e)]; });
            multiply_mix<W, HALF>(by_value, s, queries->second + part * S);
            multiply_mix<W, HALF>(by_key, dp, queries->first + part * S);
        }
        __syncthreads();
    }
    ptx_wait_fetched<0>();
    const float one[2] = {1, 1};
    store_rows<W>(k_rows(dk, shape, head), shape.kv_stride, row, head.k_count, shape.width, aligned, by_key, one);
    store_rows<W>(k_rows(dv, shape, head), shape.kv_stride, row, head.k_count, shape.width, aligned, by_value, one);
}

static inline dim3 tile_grid(const attention_shape *shape, int rows) {
    return dim3(cuda_blocks(rows, TILE), (unsigned)shape->H, (unsigned)shape->B);
}

// Lets a kernel have more shared memory than it gets without asking.
template <typename Memory, typename Kernel> static size_t ask_memory(Kernel kernel) {
    CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)sizeof(Memory)));
    return sizeof(Memory);
}

template <int W>
static void tile_forward(struct cuda_backend *cuda, bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v,
                         const attention_shape *shape, float scale, bool aligned) {
    size_t memory = ask_memory<forward_memory<W>>(tile_forward_kernel<W>);
    tile_forward_kernel<W><<<tile_grid(shape, shape->q_max), TILE_THREADS, memory, cuda->stream>>>(
        out, lse, q, k, v, *shape, scale * LOG2_E, aligned);
    CUDA_LAUNCHED();
}

template <int W>
static void tile_backward(struct cuda_backend *cuda, bf16 *dq, bf16 *dk, bf16 *dv, const bf16 *d_out, const bf16 *q,
                          const bf16 *k, const bf16 *v, const float *lse, const float *along,
                          const attention_shape *shape, float scale, bool aligned) {
    size_t memory = ask_memory<queries_memory<W>>(tile_queries_kernel<W>);
    if (shape->q_max)
        tile_queries_kernel<W><<<tile_grid(shape, shape->q_max), TILE_THREADS, memory, cuda->stream>>>(
            dq, d_out, q, k, v, lse, along, *shape, scale, aligned);
    CUDA_LAUNCHED();
    memory = ask_memory<keys_memory<W>>(tile_keys_kernel<W>);
    if (shape->k_max)
        tile_keys_kernel<W><<<tile_grid(shape, shape->k_max), TILE_THREADS, memory, cuda->stream>>>(
            dk, dv, d_out, q, k, v, lse, along, *shape, scale, aligned);
    CUDA_LAUNCHED();
}
