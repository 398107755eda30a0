// The backward pass of heads of up to 64 with at most 256 keys: a block has a whole head of one sample, so that scores
// are computed once and dq, too, has one owner. Each of WARPS warps has 32 keys, and all go through the queries 64 at a
// time.
//
// A warp computes scores turned, [keys, queries], as dk and dv want them for left operands, and adds both up in
// registers, 2·W of them in each lane. It leaves ds of a tile in shared memory, also [keys, queries]. After the next
// wait of the block the warps share out that tile's dq = dsᵀ·k by rows and columns, beside the scores of the next tile.
// Since there are two places for queries and for ds, one wait for each tile is enough.
//
// Shared memory holds all keys and values, two tiles of queries and d_out, and two of ds. For W = 64 that is 109 KiB
// with 4 warps, so that two blocks fit one of Hopper's multiprocessors, and 181 KiB with 8.
#pragma once

#include "ops/cuda/attention_pieces.cuh"

#define WHOLE_WIDTH 64
#define GROUPS 2          // of 16 keys: a warp loads what it needs of queries once for both
#define OWN (GROUPS * 16) // keys of a warp
#define DS_STRIDE (TILE + 8)

template <int W, int WARPS> struct whole_memory {
    static constexpr int threads = WARPS * WARP, most_keys = WARPS * OWN;
    bf16 keys[most_keys * (W + 8)], values[most_keys * (W + 8)];
    side<W> queries[2];
    bf16 ds[2][most_keys * DS_STRIDE];
};

// First keys that the warp has, and this lane, which also has those 8, 16 and 24 below; a bit for each that is valid.
struct own_keys {
    int warp, lane;
    uint32_t valid;
};

static __device__ __forceinline__ own_keys keys_of_warp(const attention_shape &shape, const attention_head &head) {
    int warp = threadIdx.x / WARP * OWN, lane = warp + (int)threadIdx.x % WARP / 4;
    uint32_t valid = 0;
    for (int i = 0; i < OWN / 8; i++) valid |= (uint32_t)key_is_valid(shape, head, lane + i * 8) << i;
    return {warp, lane, valid};
}

// c[32 rows of a, HALF rows of b] += a·bᵀ, both in shared memory.
template <int W>
static __device__ __forceinline__ void multiply_groups(float c[GROUPS][HALF / 8][4], const bf16 *a, const bf16 *b) {
    constexpr int S = W + 8;
#pragma unroll
    for (int k = 0; k < W; k += 16) {
        const left x[GROUPS] = {load_left(a, S, k), load_left(a + 16 * S, S, k)};
#pragma unroll
        for (int n = 0; n < HALF; n += 16) {
            right y[2];
            load_right(y, b + n * S, S, k);
#pragma unroll
            for (int g = 0; g < GROUPS; g++) {
                mma(c[g][n / 8], x[g], y[0]);
                mma(c[g][n / 8 + 1], x[g], y[1]);
            }
        }
    }
}

// c[32,W] += p[32,HALF]·b[HALF,W], b in shared memory.
template <int W>
static __device__ __forceinline__ void mix_groups(float c[GROUPS][W / 8][4], const left p[GROUPS][HALF / 16],
                                                  const bf16 *b) {
    constexpr int S = W + 8;
#pragma unroll
    for (int n = 0; n < HALF / 16; n++)
#pragma unroll
        for (int w = 0; w < W; w += 16) {
            right y[2];
            load_right_turned(y, b + n * 16 * S, S, w);
#pragma unroll
            for (int g = 0; g < GROUPS; g++) {
                mma(c[g][w / 8], p[g][n], y[0]);
                mma(c[g][w / 8 + 1], p[g][n], y[1]);
            }
        }
}

static __device__ __forceinline__ void narrow(left to[GROUPS][HALF / 16], const float c[GROUPS][HALF / 8][4]) {
#pragma unroll
    for (int g = 0; g < GROUPS; g++)
#pragma unroll
        for (int n = 0; n < HALF / 16; n++) to[g][n] = left_of(c[g][2 * n], c[g][2 * n + 1]);
}

static __device__ __forceinline__ void store_ds(bf16 *to, const left ds[GROUPS][HALF / 16]) {
#pragma unroll
    for (int g = 0; g < GROUPS; g++)
#pragma unroll
        for (int n = 0; n < HALF / 16; n++) store_left(to + g * 16 * DS_STRIDE, DS_STRIDE, n * 16, ds[g][n]);
}

// What a warp adds up for its keys.
template <int W> struct key_sums { float dk[GROUPS][W / 8][4], dv[GROUPS][W / 8][4]; };

// Adds what HALF queries of a tile from `part` on contribute to the warp's sums, and stores their ds.
template <int W, int WARPS>
static __device__ __forceinline__ void add_half(key_sums<W> *sums, whole_memory<W, WARPS> *shared, int tile, int part,
                                                const own_keys &own, const attention_shape &shape,
                                                const attention_head &head, float scale) {
    constexpr int S = W + 8;
    const side<W> *queries = &shared->queries[tile % 2];
    const bf16 *q = queries->first + part * S, *d_out = queries->second + part * S;
    int first = tile * TILE + part;
    float s[GROUPS][HALF / 8][4] = {}, dp[GROUPS][HALF / 8][4] = {};
    left p[GROUPS][HALF / 16], ds[GROUPS][HALF / 16];
    multiply_groups<W>(s, shared->keys + own.warp * S, q);
    multiply_groups<W>(dp, shared->values + own.warp * S, d_out);
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        auto at = [&](int n, int e) { return n * 8 + (int)threadIdx.x % 4 * 2 + e % 2; };
        auto seen = [&](int n, int e) {
            int i = first + at(n, e), of_lane = g * 2 + e / 2;
            return own.valid >> of_lane & 1 && i < head.q_count && own.lane + of_lane * 8 <= i + head.shift;
        };
        bool all = all_seen(shape, head, first, HALF, own.warp + g * 16, 16);
        score_gradients(s[g], dp[g], scale, all, seen, [&](int n, int e) { return queries->offsets[part + at(n, e)]; });
    }
    narrow(p, s);
    narrow(ds, dp);
    store_ds(shared->ds[tile % 2] + own.warp * DS_STRIDE + part, ds);
    mix_groups<W>(sums->dv, p, d_out);
    mix_groups<W>(sums->dk, ds, q);
}

// dq of a tile: each warp takes HALF queries and its share of the columns. Only ds of keys that these queries see is
// read: warps without such keys have stored none.
template <int W, int WARPS>
static __device__ __forceinline__ void write_dq(bf16 *dq, const whole_memory<W, WARPS> *shared, int tile,
                                                const attention_shape &shape, const attention_head &head,
                                                bool aligned) {
    constexpr int S = W + 8, SHARES = WARPS / (TILE / HALF), COLUMNS = (W / 16 + SHARES - 1) / SHARES * 16;
    int warp = threadIdx.x / WARP, part = warp / SHARES * HALF, column = warp % SHARES * COLUMNS;
    int first = tile * TILE + part, end = keys_seen(head, first, HALF);
    if (first >= head.q_count || column >= W) return;
    float sum[GROUPS][COLUMNS / 8][4] = {};
    for (int k = 0; k < end; k += 16) {
        const bf16 *ds = shared->ds[tile % 2] + k * DS_STRIDE;
        const left x[GROUPS] = {load_left_turned(ds, DS_STRIDE, part), load_left_turned(ds, DS_STRIDE, part + 16)};
#pragma unroll
        for (int n = 0; n < COLUMNS; n += 16) {
            if (column + n >= W) continue;
            right y[2];
            load_right_turned(y, shared->keys + k * S, S, column + n);
#pragma unroll
            for (int g = 0; g < GROUPS; g++) {
                mma(sum[g][n / 8], x[g], y[0]);
                mma(sum[g][n / 8 + 1], x[g], y[1]);
            }
        }
    }
    const float one[2] = {1, 1};
    int row = first + threadIdx.x % WARP / 4;
#pragma unroll
    for (int g = 0; g < GROUPS; g++)
        store_rows<COLUMNS>(dq_rows(dq, shape, head) + column, shape.q_stride, row + g * 16, head.q_count,
                            shape.width - column, aligned, sum[g], one);
}

template <int W>
static __device__ __forceinline__ void write_sums(const gradient_arrays &arrays, const key_sums<W> &sums, int first,
                                                  const attention_shape &shape, const attention_head &head,
                                                  bool aligned) {
    bf16 *dk = k_rows(arrays.dk, shape, head), *dv = k_rows(arrays.dv, shape, head);
    const float one[2] = {1, 1};
    int row = first + threadIdx.x % WARP / 4;
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        int r = row + g * 16;
        store_rows<W>(dk, shape.kv_stride, r, head.k_count, shape.width, aligned, sums.dk[g], one);
        store_rows<W>(dv, shape.kv_stride, r, head.k_count, shape.width, aligned, sums.dv[g], one);
    }
}

template <int W, int WARPS>
static __global__ void __launch_bounds__(whole_memory<W, WARPS>::threads, 8 / WARPS)
    whole_backward_kernel(gradient_arrays arrays, attention_shape shape, float scale, bool aligned) {
    constexpr int threads = whole_memory<W, WARPS>::threads, most_keys = whole_memory<W, WARPS>::most_keys;
    extern __shared__ __align__(16) char memory[];
    whole_memory<W, WARPS> *shared = (whole_memory<W, WARPS> *)memory;
    const attention_head head = head_of(shape, blockIdx.y, blockIdx.x);
    const own_keys own = keys_of_warp(shape, head);
    const bf16 *k = k_rows(arrays.k, shape, head), *v = k_rows(arrays.v, shape, head);
    int tiles = (head.q_count + TILE - 1) / TILE;
    key_sums<W> sums = {};
    fetch_tile<W, most_keys, threads>(shared->keys, k, shape.kv_stride, 0, head.k_count, shape.width, aligned);
    fetch_tile<W, most_keys, threads>(shared->values, v, shape.kv_stride, 0, head.k_count, shape.width, aligned);
    fetch_queries<W, threads>(&shared->queries[0], arrays, shape, head, 0, aligned);
    for (int tile = 0; tile <= tiles; tile++) {
        ptx_wait_fetched<0>();
        // From here on the tile's queries are there, and ds of the tile before; and what the next tile's queries and
        // this one's ds take the place of is not read any more.
        __syncthreads();
        if (tile + 1 < tiles)
            fetch_queries<W, threads>(&shared->queries[(tile + 1) % 2], arrays, shape, head, (tile + 1) * TILE,
                                      aligned);
#pragma unroll 1
        for (int part = 0; part < TILE; part += HALF)
            if (own.warp < keys_seen(head, tile * TILE + part, HALF))
                add_half(&sums, shared, tile, part, own, shape, head, scale);
        if (tile > 0) write_dq(arrays.dq, shared, tile - 1, shape, head, aligned);
    }
    write_sums(arrays, sums, own.warp, shape, head, aligned);
}

template <int W, int WARPS> static bool whole_fits(const struct cuda_backend *cuda, const attention_shape *shape) {
    typedef whole_memory<W, WARPS> memory;
    return shape->k_max <= memory::most_keys && sizeof(memory) <= cuda->shared_limit;
}

template <int W, int WARPS>
static void whole_backward(struct cuda_backend *cuda, const gradient_arrays &arrays, const attention_shape *shape,
                           float scale, bool aligned) {
    size_t memory = ask_memory<whole_memory<W, WARPS>>(whole_backward_kernel<W, WARPS>);
    dim3 grid((unsigned)shape->H, (unsigned)shape->B), threads(whole_memory<W, WARPS>::threads);
    whole_backward_kernel<W, WARPS><<<grid, threads, memory, cuda->stream>>>(arrays, *shape, scale, aligned);
    CUDA_LAUNCHED();
}
