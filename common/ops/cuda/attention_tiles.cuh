// Attention on tensor cores, bf16, heads of up to 128. A block has 64 rows of one head, a warp 16 of them, and goes
// through the other side 64 rows at a time; the next 64 come in while it computes. reference/attention.c derives what
// is computed.
//
// Softmax on the way: of the keys seen so far a row keeps m, the largest score, l = Σ exp(s − m) and mix = Σ exp(s −
// m)·v. A tile whose largest is m' > m multiplies l and mix by exp(m − m') and adds its own; in the end out = mix/l and
// lse = m + log l. So scores exist for one tile at a time, in registers. They are counted in units of log 2, since the
// hardware's exponential is 2^x. The four lanes of a row agree on m for each tile; l each keeps for its own columns.
//
// A round: begin to fetch the next tile into the other place; wait until only that is on its way, so this thread's
// pieces of the present tile are there; a barrier, so everybody's are; compute; a barrier, after which nobody reads
// this place any more and the next round may fetch into it. What is fetched beyond the last row is zeros. Warps without
// rows of their own fetch and wait with the others.
#pragma once

#include "ops/cuda/attention_pieces.cuh"

// First rows of a head that the block has, the warp, and this lane, which also has the one 8 below.
struct own_rows {
    int block, warp, lane;
};

static __device__ __forceinline__ own_rows rows_of_block() {
    int block = blockIdx.x * TILE, warp = block + threadIdx.x / WARP * 16;
    return {block, warp, warp + (int)threadIdx.x % WARP / 4};
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
    float base = high == -CUDART_INF_F ? 0 : high, shrink = ptx_exp2(row->largest - base);
#pragma unroll
    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int e = half * 2; e < half * 2 + 2; e++) {
            s[n][e] = ptx_exp2(s[n][e] - base);
            sum += s[n][e];
        }
    row->largest = high;
    row->sum = row->sum * shrink + sum;
    return shrink;
}

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
    const own_rows rows = rows_of_block();
    if (rows.block >= head.q_count) return;
    int end = keys_seen(head, rows.block, TILE);
    bool idle = rows.warp >= head.q_count;
    float mix[W / 8][4] = {};
    softmax_row soft[2] = {{-CUDART_INF_F, 0}, {-CUDART_INF_F, 0}};
    fetch_tile<W>(shared->queries, q_rows(q, shape, head), shape.q_stride, rows.block, head.q_count, shape.width,
                  aligned);
    fetch_keys(&shared->keys[0], k, v, shape, head, 0, aligned);
    for (int first = 0, now = 0; first < end; first += TILE, now ^= 1) {
        side<W> *keys = &shared->keys[now];
        float s[TILE / 8][4] = {};
        fetch_keys(&shared->keys[now ^ 1], k, v, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        if (!idle) {
            multiply_rows<W, TILE>(s, shared->queries + (rows.warp - rows.block) * S, keys->first);
            if (all_seen(shape, head, rows.warp, 16, first, TILE))
                scale_scores(s, scale2);
            else
                mask_scores(s, scale2, rows.lane, first, head.shift, keys->valid);
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
        int i = rows.lane + half * 8;
        factor[half] = sum > 0 ? 1 / sum : 0;
        if (lse && threadIdx.x % 4 == 0 && i < head.q_count)
            lse[lse_at(shape, head, i)] = sum > 0 ? soft[half].largest * LN_2 + logf(sum) : 0;
    }
    store_rows<W>(out_rows(out, shape, head), shape.out_stride, rows.lane, head.q_count, shape.width, aligned, mix,
                  factor);
}

template <int W> struct queries_memory {
    bf16 queries[TILE * (W + 8)], d_out[TILE * (W + 8)];
    side<W> keys[2];
};

// dq of 64 queries.
template <int W>
static __global__ void __launch_bounds__(TILE_THREADS)
    tile_queries_kernel(gradient_arrays arrays, attention_shape shape, float scale, bool aligned) {
    constexpr int S = W + 8;
    extern __shared__ __align__(16) char memory[];
    queries_memory<W> *shared = (queries_memory<W> *)memory;
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    const own_rows rows = rows_of_block();
    if (rows.block >= head.q_count) return;
    int end = keys_seen(head, rows.block, TILE);
    int own = rows.warp - rows.block;
    bool idle = rows.warp >= head.q_count;
    const float2 offsets[2] = {offsets_of(arrays, shape, head, rows.lane),
                               offsets_of(arrays, shape, head, rows.lane + 8)};
    float sum[W / 8][4] = {};
    fetch_tile<W>(shared->queries, q_rows(arrays.q, shape, head), shape.q_stride, rows.block, head.q_count, shape.width,
                  aligned);
    fetch_tile<W>(shared->d_out, out_rows(arrays.d_out, shape, head), shape.out_stride, rows.block, head.q_count,
                  shape.width, aligned);
    fetch_keys(&shared->keys[0], arrays.k, arrays.v, shape, head, 0, aligned);
    for (int first = 0, now = 0; first < end; first += TILE, now ^= 1) {
        side<W> *keys = &shared->keys[now];
        fetch_keys(&shared->keys[now ^ 1], arrays.k, arrays.v, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        for (int part = 0; part < TILE && first + part < end && !idle; part += HALF) {
            float s[HALF / 8][4] = {}, dp[HALF / 8][4] = {};
            multiply_rows<W, HALF>(s, shared->queries + own * S, keys->first + part * S);
            multiply_rows<W, HALF>(dp, shared->d_out + own * S, keys->second + part * S);
            auto seen = [&](int n, int e) {
                int at = part + n * 8 + threadIdx.x % 4 * 2 + e % 2, i = rows.lane + e / 2 * 8;
                return keys->valid[at] && first + at <= i + head.shift && i < head.q_count;
            };
            bool all = all_seen(shape, head, rows.warp, 16, first + part, HALF);
            score_gradients(s, dp, scale, all, seen, [&](int, int e) { return offsets[e / 2]; });
            multiply_mix<W, HALF>(sum, dp, keys->first + part * S);
        }
        __syncthreads();
    }
    ptx_wait_fetched<0>();
    const float one[2] = {1, 1};
    store_rows<W>(dq_rows(arrays.dq, shape, head), shape.q_stride, rows.lane, head.q_count, shape.width, aligned, sum,
                  one);
}

template <int W> struct keys_memory {
    bf16 keys[TILE * (W + 8)], values[TILE * (W + 8)];
    side<W> queries[2];
};

// dk and dv of 64 keys: the scores are turned, keys by queries.
template <int W>
static __global__ void __launch_bounds__(TILE_THREADS, W <= 64 ? 3 : 1)
    tile_keys_kernel(gradient_arrays arrays, attention_shape shape, float scale, bool aligned) {
    constexpr int S = W + 8;
    extern __shared__ __align__(16) char memory[];
    keys_memory<W> *shared = (keys_memory<W> *)memory;
    const attention_head head = head_of(shape, blockIdx.z, blockIdx.y);
    const own_rows rows = rows_of_block();
    if (rows.block >= head.k_count) return;
    const bool valid[2] = {key_is_valid(shape, head, rows.lane), key_is_valid(shape, head, rows.lane + 8)};
    // The first query that sees the block's first key, and the warp's: parts before it hold none.
    int from = max((int64_t)0, (int64_t)rows.block - head.shift) / HALF * HALF;
    int warp_from = rows.warp < head.k_count ? rows.warp - head.shift : INT_MAX, own = rows.warp - rows.block;
    float by_key[W / 8][4] = {}, by_value[W / 8][4] = {};
    fetch_tile<W>(shared->keys, k_rows(arrays.k, shape, head), shape.kv_stride, rows.block, head.k_count, shape.width,
                  aligned);
    fetch_tile<W>(shared->values, k_rows(arrays.v, shape, head), shape.kv_stride, rows.block, head.k_count, shape.width,
                  aligned);
    fetch_queries(&shared->queries[0], arrays, shape, head, from, aligned);
    for (int first = from, now = 0; first < head.q_count; first += TILE, now ^= 1) {
        side<W> *queries = &shared->queries[now];
        fetch_queries(&shared->queries[now ^ 1], arrays, shape, head, first + TILE, aligned);
        ptx_wait_fetched<1>();
        __syncthreads();
        for (int part = 0; part < TILE && first + part < head.q_count; part += HALF) {
            if (first + part + HALF <= warp_from) continue;
            float s[HALF / 8][4] = {}, dp[HALF / 8][4] = {};
            multiply_rows<W, HALF>(s, shared->keys + own * S, queries->first + part * S);
            multiply_rows<W, HALF>(dp, shared->values + own * S, queries->second + part * S);
            auto at = [&](int n, int e) { return part + n * 8 + (int)threadIdx.x % 4 * 2 + e % 2; };
            auto seen = [&](int n, int e) {
                int i = first + at(n, e);
                return valid[e / 2] && i < head.q_count && rows.lane + e / 2 * 8 <= i + head.shift;
            };
            bool all = all_seen(shape, head, first + part, HALF, rows.warp, 16);
            score_gradients(s, dp, scale, all, seen, [&](int n, int e) { return queries->offsets[at(n, e)]; });
            multiply_mix<W, HALF>(by_value, s, queries->second + part * S);
            multiply_mix<W, HALF>(by_key, dp, queries->first + part * S);
        }
        __syncthreads();
    }
    ptx_wait_fetched<0>();
    const float one[2] = {1, 1};
    store_rows<W>(k_rows(arrays.dk, shape, head), shape.kv_stride, rows.lane, head.k_count, shape.width, aligned,
                  by_key, one);
    store_rows<W>(k_rows(arrays.dv, shape, head), shape.kv_stride, rows.lane, head.k_count, shape.width, aligned,
                  by_value, one);
}

static inline dim3 tile_grid(const attention_shape *shape, int rows) {
    return dim3(cuda_blocks(rows, TILE), (unsigned)shape->H, (unsigned)shape->B);
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
static void tile_backward(struct cuda_backend *cuda, const gradient_arrays &arrays, const attention_shape *shape,
                          float scale, bool aligned) {
    size_t memory = ask_memory<queries_memory<W>>(tile_queries_kernel<W>);
    if (shape->q_max)
        tile_queries_kernel<W>
            <<<tile_grid(shape, shape->q_max), TILE_THREADS, memory, cuda->stream>>>(arrays, *shape, scale, aligned);
    CUDA_LAUNCHED();
    memory = ask_memory<keys_memory<W>>(tile_keys_kernel<W>);
    if (shape->k_max)
        tile_keys_kernel<W>
            <<<tile_grid(shape, shape->k_max), TILE_THREADS, memory, cuda->stream>>>(arrays, *shape, scale, aligned);
    CUDA_LAUNCHED();
}
