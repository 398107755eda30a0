// Weights as whole numbers of a byte and a scale for each output, and back to the compute type for a product: a model
// takes a quarter of its memory so. A matrix is rows in memory, and its outputs are these rows ([O,I]) or its columns
// ([I,O]); threads that are neighbours read neighbours either way.
#include <float.h>

#include "ops/cuda/device.cuh"
#include "ops/cuda/linear.cuh"

#define THREADS 256

// `none` is a sum of zeros, or NaN where a weight is not finite, which a maximum would pass over.
static __device__ __forceinline__ void see(float x, float *largest, float *none) {
    *largest = fmaxf(*largest, fabsf(x));
    *none += 0 * x;
}
static __device__ __forceinline__ float scale_of(float largest, float none) {
    float scale = largest / 127 + none;
    return scale < FLT_MIN ? 0 : scale;
}
static __device__ __forceinline__ int8_t whole(float x, float scale) {
    float steps = scale >= FLT_MIN ? x / scale : 0; // 0 where the scale is none
    return (int8_t)rintf(fabsf(steps) <= 127.5f ? steps : 0);
}

// A block for each output.
static __global__ void quantize_rows_kernel(int8_t *weight, float *scale, const float *from, int64_t I) {
    __shared__ float shared[THREADS / WARP];
    int64_t o = blockIdx.x;
    float largest = 0, none = 0;
    for (int64_t i = threadIdx.x; i < I; i += THREADS) see(from[o * I + i], &largest, &none);
    largest = block_max(largest, shared);
    float step = scale_of(largest, block_sum(none, shared));
    for (int64_t i = threadIdx.x; i < I; i += THREADS) weight[o * I + i] = whole(from[o * I + i], step);
    if (threadIdx.x == 0) scale[o] = step;
}

// A thread for each output.
static __global__ void quantize_columns_kernel(int8_t *weight, float *scale, const float *from, int64_t O, int64_t I) {
    int64_t o = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (o >= O) return;
    float largest = 0, none = 0;
    for (int64_t i = 0; i < I; i++) see(from[i * O + o], &largest, &none);
    float step = scale_of(largest, none);
    for (int64_t i = 0; i < I; i++) weight[i * O + o] = whole(from[i * O + o], step);
    scale[o] = step;
}

extern "C" void cuda_quantize(struct ops *ops, int8_t *weight, float *scale, const float *from,
                              struct linear_shape shape) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (shape.layout == WEIGHT_OUT_IN)
        quantize_rows_kernel<<<(unsigned)shape.O, THREADS, 0, cuda->stream>>>(weight, scale, from, shape.I);
    else
        quantize_columns_kernel<<<cuda_blocks(shape.O, THREADS), THREADS, 0, cuda->stream>>>(weight, scale, from,
                                                                                             shape.O, shape.I);
    CUDA_LAUNCHED();
}

// A block for each row in memory, of `columns` numbers.
template <typename T>
static __global__ void widen_weight_kernel(T *to, const int8_t *weight, const float *scale, bool by_row,
                                           int64_t columns) {
    int64_t row = blockIdx.x, first = row * columns;
    for (int64_t c = threadIdx.x; c < columns; c += THREADS)
        set(&to[first + c], scale[by_row ? row : c] * (float)weight[first + c]);
}

template <typename T>
void cuda_widen_weight(struct cuda_backend *cuda, T *to, const int8_t *weight, struct linear_shape shape) {
    bool by_row = shape.layout == WEIGHT_OUT_IN;
    widen_weight_kernel<<<(unsigned)(by_row ? shape.O : shape.I), THREADS, 0, cuda->stream>>>(
        to, weight, shape.scale, by_row, by_row ? shape.I : shape.O);
    CUDA_LAUNCHED();
}
template void cuda_widen_weight(struct cuda_backend *, float *, const int8_t *, struct linear_shape);
template void cuda_widen_weight(struct cuda_backend *, bf16 *, const int8_t *, struct linear_shape);
