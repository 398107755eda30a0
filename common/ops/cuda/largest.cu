// The largest elements of rows: a block a row, each thread the largest of its columns, and then, k times, the best that
// a thread has left.
#include <limits.h>

#include "ops/cuda/device.cuh"

#define THREADS 256

struct candidate {
    float value;
    int32_t column;
};

// An order of all candidates: of equal values the lower column is better, in whatever order they meet.
static __device__ __forceinline__ bool better(const candidate &a, const candidate &b) {
    return a.value > b.value || (a.value == b.value && a.column < b.column);
}

// Of the block; every thread gets it.
static __device__ candidate block_best(candidate mine, candidate *shared) {
    for (int i = WARP / 2; i; i /= 2) {
        candidate other = {__shfl_xor_sync(FULL, mine.value, i), __shfl_xor_sync(FULL, mine.column, i)};
        if (better(other, mine)) mine = other;
    }
    __syncthreads();
    if (threadIdx.x % WARP == 0) shared[threadIdx.x / WARP] = mine;
    __syncthreads();
    candidate best = shared[0];
    for (int i = 1; i < THREADS / WARP; i++)
        if (better(shared[i], best)) best = shared[i];
    return best;
}

// Among the largest, which are in order, unless it is less than all of them.
static __device__ __forceinline__ void keep(candidate kept[LARGEST_COLUMNS], candidate one) {
    if (!better(one, kept[LARGEST_COLUMNS - 1])) return;
#pragma unroll
    for (int i = 0; i < LARGEST_COLUMNS; i++)
        if (better(one, kept[i])) {
            candidate down = kept[i];
            kept[i] = one;
            one = down;
        }
}

template <typename T, int N>
static __global__ void largest_columns_kernel(int32_t *index, const T *x, int64_t C, int k) {
    __shared__ candidate shared[THREADS / WARP];
    const candidate none = {-CUDART_INF_F, INT_MAX};
    candidate kept[LARGEST_COLUMNS];
    const T *row = x + blockIdx.x * C;
    float value[N];
#pragma unroll
    for (int i = 0; i < LARGEST_COLUMNS; i++) kept[i] = none;
    for (int32_t c = (int32_t)threadIdx.x * N; c < C; c += THREADS * N) {
        load<T, N>(value, row + c);
#pragma unroll
        for (int j = 0; j < N; j++)
            keep(kept, {fmaxf(value[j], -CUDART_INF_F), c + j}); // NaN is least: every index lies in the row
    }
    for (int n = 0; n < k; n++) {
        candidate best = block_best(kept[0], shared);
        if (threadIdx.x == 0) index[(int64_t)blockIdx.x * k + n] = best.column;
        if (kept[0].column != best.column) continue;
#pragma unroll
        for (int i = 0; i + 1 < LARGEST_COLUMNS; i++) kept[i] = kept[i + 1];
        kept[LARGEST_COLUMNS - 1] = none;
    }
}

template <typename T>
static void largest_columns(struct cuda_backend *cuda, int32_t *index, const T *x, int64_t R, int64_t C, int k) {
    if (rows_align<T>(C, x))
        largest_columns_kernel<T, vec_elements<T>><<<(unsigned)R, THREADS, 0, cuda->stream>>>(index, x, C, k);
    else
        largest_columns_kernel<T, 1><<<(unsigned)R, THREADS, 0, cuda->stream>>>(index, x, C, k);
    CUDA_LAUNCHED();
}

extern "C" void cuda_largest_columns(struct ops *ops, int32_t *index, const void *x, int64_t R, int64_t C, int k) {
    if (R) CUDA_COMPUTE_TYPE(ops, largest_columns(cuda_of(ops), index, (const T *)x, R, C, k));
}
