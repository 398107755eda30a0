// Sums over parts that blocks left, in the order of the parts.
#include "ops/cuda/device.cuh"

#define PART_THREADS 256

static __global__ void add_parts_kernel(double *total, const double *parts, int64_t n) {
    __shared__ double shared[PART_THREADS / WARP];
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += PART_THREADS) sum += parts[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) *total += sum;
}

void cuda_add_parts(struct cuda_backend *cuda, double *total, const double *parts, int64_t n) {
    add_parts_kernel<<<1, PART_THREADS, 0, cuda->stream>>>(total, parts, n);
    CUDA_LAUNCHED();
}

static __global__ void add_columns_kernel(float *out, const float *parts, int64_t P, int64_t C, int64_t stride) {
    __shared__ float shared[8][WARP + 1];
    int64_t c = (int64_t)blockIdx.x * WARP + threadIdx.x;
    float sum = 0;
    if (c < C)
        for (int64_t p = threadIdx.y; p < P; p += 8) sum += parts[p * stride + c];
    shared[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || c >= C) return;
    for (int i = 1; i < 8; i++) sum += shared[i][threadIdx.x];
    out[c] += sum;
}

void cuda_add_columns(struct cuda_backend *cuda, float *out, const float *parts, int64_t P, int64_t C, int64_t stride) {
    add_columns_kernel<<<cuda_blocks(C, WARP), dim3(WARP, 8), 0, cuda->stream>>>(out, parts, P, C, stride);
    CUDA_LAUNCHED();
}
