// What the kernels of attention on tensor cores share. Of a head they hold tiles of 64 rows in shared memory; W is the
// head's width rounded up to 16, and the columns added are zero. ldmatrix reads 16 bytes of each of eight rows at a
// time, which is free of conflicts if they lie in the eight different groups of four banks. Rows in shared memory are W
// + 8 elements apart: W/8 + 1 pieces of 16 bytes, an odd number, so eight rows that follow each other do.
#pragma once

#include "ops/cuda/attention_rows.cuh"
#include "ops/cuda/mma.cuh"

#define TILE 64
#define TILE_THREADS 128
#define HALF 32 // rows of the other side for which the backward kernels hold scores at a time
#define LOG2_E 1.4426950408889634f
#define LN_2 0.6931471805599453f

// What the backward kernels read and write.
struct gradient_arrays {
    bf16 *dq, *dk, *dv;
    const bf16 *d_out, *q, *k, *v;
    const float *lse, *along;
};

// Begins to fetch rows first … first + ROWS of `count` that lie `stride` elements apart, by THREADS threads; what is
// beyond them, or beyond `width`, is zero.
template <int W, int ROWS = TILE, int THREADS = TILE_THREADS>
static __device__ __forceinline__ void fetch_tile(bf16 *to, const bf16 *rows, int64_t stride, int first, int count,
                                                  int width, bool aligned) {
    constexpr int pieces = W / 8, S = W + 8;
    if (aligned) {
#pragma unroll 2
        for (int n = threadIdx.x; n < ROWS * pieces; n += THREADS) {
            int r = n / pieces, at = n % pieces * 8;
            bool there = first + r < count && at < width;
            ptx_fetch(to + r * S + at, there ? rows + (first + r) * stride + at : rows, there);
        }
        return;
    }
#pragma unroll 1 // here and above: addresses cost registers that the backward kernels lack
    for (int n = threadIdx.x; n < ROWS * W; n += THREADS) {
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

// Whether every one of `queries` sees every one of `keys`, which saves asking for each pair.
static __device__ __forceinline__ bool all_seen(const attention_shape &shape, const attention_head &head, int query,
                                                int queries, int key, int keys) {
    return !shape.key_valid && query + queries <= head.q_count && key + keys <= head.k_count &&
           key + keys - 1 <= query + head.shift;
}

// Keys of the head that one of `queries` from `query` on sees: those before this one. At most 0 when none is seen.
static __device__ __forceinline__ int keys_seen(const attention_head &head, int query, int queries) {
    int last = min(query + queries, head.q_count) - 1;
    return query <= last ? (int)min((int64_t)head.k_count, (int64_t)last + head.shift + 1) : 0;
}

// Two tiles of the other side, and what is known of its rows.
template <int W> struct side {
    bf16 first[TILE * (W + 8)], second[TILE * (W + 8)]; // keys and values, or queries and gradients
    float2 offsets[TILE];                               // of queries, see offsets_of
    uint8_t valid[TILE];                                // of keys
};

// p and ds of 16 rows against HALF of the other side; `s` and `dp` become them. seen(n, e) says whether the pair of the
// lane's element counts, unless all do; query(n, e) gives the offsets of its query.
template <typename Seen, typename Query>
static __device__ __forceinline__ void score_gradients(float s[HALF / 8][4], float dp[HALF / 8][4], float scale,
                                                       bool all, Seen seen, Query query) {
    float scale2 = scale * LOG2_E;
    if (all) {
#pragma unroll
        for (int n = 0; n < HALF / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float2 offsets = query(n, e);
                s[n][e] = ptx_exp2(s[n][e] * scale2 - offsets.x);
                dp[n][e] = scale * s[n][e] * (dp[n][e] - offsets.y);
            }
        return;
    }
#pragma unroll
    for (int n = 0; n < HALF / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float2 offsets = query(n, e);
            float p = seen(n, e) ? ptx_exp2(s[n][e] * scale2 - offsets.x) : 0;
            s[n][e] = p;
            dp[n][e] = p ? scale * p * (dp[n][e] - offsets.y) : 0;
        }
}

// What a query's scores are taken off by: lse in units of log 2, and along.
static __device__ __forceinline__ float2 offsets_of(const gradient_arrays &arrays, const attention_shape &shape,
                                                    const attention_head &head, int i) {
    if (i >= head.q_count) return make_float2(0, 0);
    return make_float2(arrays.lse[lse_at(shape, head, i)] * LOG2_E, arrays.along[along_at(shape, head, i)]);
}

template <int W, int THREADS = TILE_THREADS>
static __device__ __forceinline__ void fetch_queries(side<W> *to, const gradient_arrays &arrays,
                                                     const attention_shape &shape, const attention_head &head,
                                                     int first, bool aligned) {
    const bf16 *q = q_rows(arrays.q, shape, head), *d_out = out_rows(arrays.d_out, shape, head);
    int count = head.q_count;
    fetch_tile<W, TILE, THREADS>(to->first, q, shape.q_stride, first, count, shape.width, aligned);
    fetch_tile<W, TILE, THREADS>(to->second, d_out, shape.out_stride, first, count, shape.width, aligned);
    if (threadIdx.x < TILE) to->offsets[threadIdx.x] = offsets_of(arrays, shape, head, first + (int)threadIdx.x);
    ptx_end_group();
}

// Lets a kernel have more shared memory than it gets without asking.
template <typename Memory, typename Kernel> static size_t ask_memory(Kernel kernel) {
    CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)sizeof(Memory)));
    return sizeof(Memory);
}
