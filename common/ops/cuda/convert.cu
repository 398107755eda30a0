// Between floating types: weights that are loaded and stored, and the compute weights made of masters after an update.
// A thread has several elements, so that the grid stays small, and writes next to its neighbours.
#include <cuda_fp16.h>

#include "ops/cuda/device.cuh"

static __device__ __forceinline__ double widen(double x) {
    return x;
}
static __device__ __forceinline__ float widen(float x) {
    return x;
}
static __device__ __forceinline__ float widen(bf16 x) {
    return __bfloat162float(x);
}
static __device__ __forceinline__ float widen(__half x) {
    return __half2float(x);
}
template <typename F> static __device__ __forceinline__ void narrow(double *to, F x) {
    *to = x;
}
template <typename F> static __device__ __forceinline__ void narrow(float *to, F x) {
    *to = (float)x;
}
template <typename F> static __device__ __forceinline__ void narrow(bf16 *to, F x) {
    *to = __float2bfloat16((float)x);
}
template <typename F> static __device__ __forceinline__ void narrow(__half *to, F x) {
    *to = __float2half((float)x);
}

template <typename To, typename From> static __global__ void convert_kernel(To *to, const From *from, int64_t n) {
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) narrow(&to[i], widen(from[i]));
}

template <typename To, typename From>
static void convert_to(struct cuda_backend *cuda, To *to, const From *from, int64_t n) {
    unsigned blocks = cuda_blocks(n, 4 * 256), most = 16 * (unsigned)cuda->multiprocessors;
    if (blocks > most) blocks = most;
    convert_kernel<<<blocks, 256, 0, cuda->stream>>>(to, from, n);
    CUDA_LAUNCHED();
}

template <typename From>
static void convert_from(struct cuda_backend *cuda, void *to, enum dtype to_type, const From *from, int64_t n) {
    switch (to_type) {
    case DT_F64: convert_to(cuda, (double *)to, from, n); return;
    case DT_F32: convert_to(cuda, (float *)to, from, n); return;
    case DT_BF16: convert_to(cuda, (bf16 *)to, from, n); return;
    case DT_F16: convert_to(cuda, (__half *)to, from, n); return;
    default: bug("conversion to %s", dtype_name(to_type));
    }
}

extern "C" void cuda_convert(struct ops *ops, void *to, enum dtype to_type, const void *from, enum dtype from_type,
                             int64_t n) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!n) return;
    switch (from_type) {
    case DT_F64: convert_from(cuda, to, to_type, (const double *)from, n); return;
    case DT_F32: convert_from(cuda, to, to_type, (const float *)from, n); return;
    case DT_BF16: convert_from(cuda, to, to_type, (const bf16 *)from, n); return;
    case DT_F16: convert_from(cuda, to, to_type, (const __half *)from, n); return;
    default: bug("conversion from %s", dtype_name(from_type));
    }
}
