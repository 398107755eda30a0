// Matrix products of a warp on tensor cores: m16n8k16, bf16 operands, f32 sums (PTX ISA, "Matrix Fragments for
// mma.m16n8k16").
//
// Of a 16×8 block of sums, lane l holds c[0], c[1] at row l/4, columns 2·(l%4) and one more, and c[2], c[3] eight rows
// below. Two such blocks side by side, narrowed to bf16, are the left operand of a product over their 16 columns.
#pragma once

#include "ops/cuda/device.cuh"

struct left {
    uint32_t r[4]; // [16 rows, 16 deep]
};
struct right {
    uint32_t r[2]; // [16 deep, 8 columns]
};

static __device__ __forceinline__ void mma(float c[4], const left &a, const right &b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b.r[0]), "r"(b.r[1]));
}

static __device__ __forceinline__ uint32_t shared_address(const void *pointer) {
    return (uint32_t)__cvta_generic_to_shared(pointer);
}

// The 16 rows from `rows` on, depth from `at` on, of a matrix in shared memory with `stride` elements from row to row.
static __device__ __forceinline__ left load_left(const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    left a;
    uint32_t from = shared_address(rows + lane % 16 * stride + at + lane / 16 * 8);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(a.r[0]), "=r"(a.r[1]), "=r"(a.r[2]), "=r"(a.r[3])
                 : "r"(from));
    return a;
}

// Right operands whose columns are 16 rows in shared memory: columns 0–7 in b[0], 8–15 in b[1].
static __device__ __forceinline__ void load_right(right b[2], const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    uint32_t from = shared_address(rows + (lane % 8 + lane / 16 * 8) * stride + at + lane / 8 % 2 * 8);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(b[0].r[0]), "=r"(b[0].r[1]), "=r"(b[1].r[0]), "=r"(b[1].r[1])
                 : "r"(from));
}

// Right operands whose depth is 16 rows in shared memory: columns at … at + 7 in b[0], the next 8 in b[1].
static __device__ __forceinline__ void load_right_turned(right b[2], const bf16 *rows, int stride, int at) {
    int lane = threadIdx.x % WARP;
    uint32_t from = shared_address(rows + lane % 16 * stride + at + lane / 16 * 8);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(b[0].r[0]), "=r"(b[0].r[1]), "=r"(b[1].r[0]), "=r"(b[1].r[1])
                 : "r"(from));
}

static __device__ __forceinline__ uint32_t pack(float low, float high) {
    __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
    return *(uint32_t *)&both;
}

// The left operand from sums of columns 0–7 and 8–15.
static __device__ __forceinline__ left left_of(const float c0[4], const float c1[4]) {
    return {
        {pack(c0[0], c0[1]), pack(c0[2], c0[3]), pack(c1[0], c1[1]), pack(c1[2], c1[3])}
    };
}
