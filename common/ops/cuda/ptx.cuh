// The instructions that CUDA C++ has no words for (PTX ISA 8.0, mma.m16n8k16, ldmatrix, cp.async). The tests put
// another file of this name in its place, which does on a CPU what it says here.
#pragma once

#include "ops/cuda/device.cuh"

static __device__ __forceinline__ uint32_t shared_address(const void *pointer) {
    return (uint32_t)__cvta_generic_to_shared(pointer);
}

// c[16,8] += a[16,16]·b[16,8] by a warp, bf16 operands and f32 sums.
//
// Lane l holds of c: (l/4, 2·(l%4)) and the column behind it, and both of eight rows below. Of a, two elements in each
// word: (l/4, 2·(l%4)) and the column behind it, eight rows below, eight columns on, and both. Of b: (2·(l%4), l/4) and
// the row below, then eight rows below.
static __device__ __forceinline__ void ptx_mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8×8 matrices of bf16 out of shared memory: lane l names row l%8 of matrix l/8, 16 bytes, and gets elements
// (l/4, 2·(l%4)) and the column behind it of each.
static __device__ __forceinline__ void ptx_load(uint32_t to[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row)));
}

// The same, each matrix turned: elements (2·(l%4), l/4) and the row below.
static __device__ __forceinline__ void ptx_load_turned(uint32_t to[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row)));
}

// 16 bytes on their way into shared memory, or zeros where there is nothing to read.
static __device__ __forceinline__ void ptx_fetch(bf16 *to, const bf16 *from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)), "l"(from),
                 "r"(there ? 16 : 0));
}
// 2^x within 2 units in the last place, 0 where that is below the normal numbers. exp2f takes three instructions more
// to tell those apart.
static __device__ __forceinline__ float ptx_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
    return y;
}

// What this thread fetched since the last call is one group.
static __device__ __forceinline__ void ptx_end_group() {
    asm volatile("cp.async.commit_group;\n" ::);
}
// Returns when at most `left` of this thread's groups are on their way.
template <int left> static __device__ __forceinline__ void ptx_wait_fetched() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(left));
}
