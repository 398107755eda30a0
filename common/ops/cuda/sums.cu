// Sums over parts that blocks left, in the order of the parts: the second step of every sum that is larger than a
// block. Atomics would save it and give up the same bits.
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

// A block has 32 columns. Warp y adds parts y, y + 32, … of each, lane x column x, so that a warp reads a whole line;
// then warp y has column y, and its lanes the 32 sums of it. One column of padding lets the block be read turned
// without conflicts between banks.
static __global__ void add_columns_kernel(float *out, float *second, const float *parts, int64_t P, int64_t C) {
    __shared__ float shared[WARP][WARP + 1];
    int64_t all = second ? 2 * C : C, c = (int64_t)blockIdx.x * WARP + threadIdx.x;
    float sum = 0;
    if (c < all)
        for (int64_t p = threadIdx.y; p < P; p += WARP) sum += parts[p * all + c];
    shared[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = warp_sum(shared[threadIdx.x][threadIdx.y]); // warp y: column y of the block
    c = (int64_t)blockIdx.x * WARP + threadIdx.y;
    if (threadIdx.x || c >= all) return;
    float *to = c < C ? out + c : second + (c - C);
    *to += sum;
}

void cuda_add_columns(struct cuda_backend *cuda, float *out, float *second, const float *parts, int64_t P, int64_t C) {
    add_columns_kernel<<<cuda_blocks(second ? 2 * C : C, WARP), dim3(WARP, WARP), 0, cuda->stream>>>(out, second, parts,
                                                                                                     P, C);
    CUDA_LAUNCHED();
}
