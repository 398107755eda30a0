// Matrix products of a warp on tensor cores, by their pieces of 16×16 and 16×8.
//
// Of a 16×8 block of sums, lane l holds c[0], c[1] at row l/4, columns 2·(l%4) and one more, and c[2], c[3] eight rows
// below. Two such blocks side by side, narrowed to bf16, are the left operand of a product over their 16 columns.
#pragma once

#include "ops/cuda/ptx.cuh"

struct left {
    uint32_t r[4]; // [16 rows, 16 deep]
};
struct right {
    uint32_t r[2]; // [16 deep, 8 columns]
};

static __device__ __forceinline__ void mma(float c[4], const left &a, const right &b) {
    ptx_mma(c, a.r, b.r);
}

// The 16 rows from `rows` on, depth from `at` on, of a matrix in shared memory with `stride` elements from row to row.
static __device__ __forceinline__ left load_left(const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    left a;
    ptx_load(a.r, rows + lane % 16 * stride + at + lane / 16 * 8);
    return a;
}

// The same of a matrix whose turned form is in shared memory: 16 rows, columns from `at` on, depth from row to row.
static __device__ __forceinline__ left load_left_turned(const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    left a;
    ptx_load_turned(a.r, rows + (lane % 8 + lane / 16 * 8) * stride + at + lane / 8 % 2 * 8);
    return a;
}

static __device__ __forceinline__ void split(right b[2], const uint32_t r[4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) b[i / 2].r[i % 2] = r[i];
}

// Right operands whose columns are 16 rows in shared memory: columns 0–7 in b[0], 8–15 in b[1].
static __device__ __forceinline__ void load_right(right b[2], const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    uint32_t r[4];
    ptx_load(r, rows + (lane % 8 + lane / 16 * 8) * stride + at + lane / 8 % 2 * 8);
    split(b, r);
}

// Right operands whose depth is 16 rows in shared memory: columns at … at + 7 in b[0], the next 8 in b[1].
static __device__ __forceinline__ void load_right_turned(right b[2], const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    uint32_t r[4];
    ptx_load_turned(r, rows + lane % 16 * stride + at + lane / 16 * 8);
    split(b, r);
}

static __device__ __forceinline__ uint32_t pack(float low, float high) {
    __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return *(uint32_t *)&both;
}

// The left operand from sums of columns 0–7 and 8–15.
static __device__ __forceinline__ left left_of(const float c0[4], const float c1[4]) {
    return {{pack(c0[0], c0[1]), pack(c0[2], c0[3]), pack(c1[0], c1[1]), pack(c1[2], c1[3])}};
}

// Puts a left operand's 16 rows where load_left finds them.
static __device__ __forceinline__ void store_left(bf16 *rows, int stride, int at, const left &a) {
    int lane = threadIdx.x % WARP;
    bf16 *to = rows + lane / 4 * stride + at + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; i++) *(uint32_t *)(to + i % 2 * 8 * stride + i / 2 * 8) = a.r[i];
}
