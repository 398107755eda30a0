// What kernels share: types, vectors of elements, reductions in a fixed order.
#pragma once

#include <math_constants.h>

#include "ops/cuda/cuda.cuh"

typedef __nv_bfloat16 bf16;

#define WARP 32
#define FULL 0xffffffffu

static __device__ __forceinline__ float as_float(float x) {
    return x;
}
static __device__ __forceinline__ float as_float(bf16 x) {
    return __bfloat162float(x);
}
static __device__ __forceinline__ void set(float *to, float x) {
    *to = x;
}
static __device__ __forceinline__ void set(bf16 *to, float x) {
    *to = __float2bfloat16(x);
}

// N elements that are read and written at once; N = 1 where rows are not aligned to 16 bytes.
template <typename T, int N> struct alignas(sizeof(T) * N) vec { T at[N]; };
template <typename T> constexpr int vec_elements = 16 / (int)sizeof(T);

template <typename T, int N> static __device__ __forceinline__ void load(float x[N], const T *from) {
    vec<T, N> v = *(const vec<T, N> *)from;
#pragma unroll
    for (int i = 0; i < N; i++) x[i] = as_float(v.at[i]);
}
template <typename T, int N> static __device__ __forceinline__ void store(T *to, const float x[N]) {
    vec<T, N> v;
#pragma unroll
    for (int i = 0; i < N; i++) set(&v.at[i], x[i]);
    *(vec<T, N> *)to = v;
}

// Of a warp, whose lanes all get it, to the same bit: in each round two lanes add the same two numbers.
static __device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int i = WARP / 2; i; i /= 2) x += __shfl_xor_sync(FULL, x, i);
    return x;
}
static __device__ __forceinline__ double warp_sum(double x) {
#pragma unroll
    for (int i = WARP / 2; i; i /= 2) x += __shfl_xor_sync(FULL, x, i);
    return x;
}
static __device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int i = WARP / 2; i; i /= 2) x = fmaxf(x, __shfl_xor_sync(FULL, x, i));
    return x;
}

// Of all threads of the block, which all get it. `shared` holds a number for each warp; it may be used again at once,
// since the first barrier keeps a call's writes behind the last one's reads.
template <typename F> static __device__ __forceinline__ F block_sum(F x, F *shared) {
    int warps = blockDim.x / WARP;
    x = warp_sum(x);
    __syncthreads();
    if (threadIdx.x % WARP == 0) shared[threadIdx.x / WARP] = x;
    __syncthreads();
    F sum = 0;
    for (int i = 0; i < warps; i++) sum += shared[i];
    return sum;
}
static __device__ __forceinline__ float block_max(float x, float *shared) {
    int warps = blockDim.x / WARP;
    x = warp_max(x);
    __syncthreads();
    if (threadIdx.x % WARP == 0) shared[threadIdx.x / WARP] = x;
    __syncthreads();
    float largest = shared[0];
    for (int i = 1; i < warps; i++) largest = fmaxf(largest, shared[i]);
    return largest;
}

static inline bool aligned16(const void *pointer) {
    return (uintptr_t)pointer % 16 == 0;
}
// Whether rows of D elements of T can be read in vectors of 16 bytes.
template <typename T>
static inline bool rows_align(int64_t D, const void *a, const void *b = nullptr, const void *c = nullptr,
                              const void *d = nullptr) {
    return D % vec_elements<T> == 0 && aligned16(a) && aligned16(b) && aligned16(c) && aligned16(d);
}

// total += the sum of n parts, in their order, by one block.
void cuda_add_parts(struct cuda_backend *cuda, double *total, const double *parts, int64_t n);
// out[c] += Σ_p parts[p,c] in an order that P alone decides; with `second` parts are [P,2C] and the other C go there.
void cuda_add_columns(struct cuda_backend *cuda, float *out, float *second, const float *parts, int64_t P, int64_t C);
