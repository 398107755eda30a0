// What follows a linear map where cuBLASLt's epilogue does not do it: the activation, its slope, and the sums of rows
// that are a bias's gradient. linear.cu and product_issue.cu call it; reference/linear.c derives the slopes. A thread
// has 16 bytes of elements, where addresses allow it, since these kernels do little but wait for memory.
#include "ops/cuda/linear.cuh"

#define THREADS 256
#define SUM_ROWS 128 // rows that a block adds up

static __device__ __forceinline__ float normal_cdf(float x) {
    return 0.5f * (1 + erff(x * CUDART_SQRT_HALF_F));
}
static __device__ __forceinline__ float normal_density(float x) {
    return expf(-0.5f * x * x) * 0.39894228040143268f;
}
static __device__ __forceinline__ float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

static __device__ __forceinline__ float activate(float x, enum activation activation) {
    return activation == ACTIVATION_GELU ? x * normal_cdf(x) : x * sigmoid(1.702f * x);
}

static __device__ __forceinline__ float slope(float x, enum activation activation) {
    if (activation == ACTIVATION_GELU) return normal_cdf(x) + x * normal_density(x);
    float s = sigmoid(1.702f * x);
    return s + 1.702f * x * s * (1 - s);
}

template <typename T, int N>
static __global__ void activate_kernel(T *out, const T *pre, int64_t n, enum activation activation) {
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * N;
    float x[N];
    if (i >= n) return;
    load<T, N>(x, pre + i);
    for (int j = 0; j < N; j++) x[j] = activate(x[j], activation);
    store<T, N>(out + i, x);
}

template <typename T, int N>
static __global__ void slope_kernel(T *d, const T *pre, int64_t n, enum activation activation) {
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * N;
    float x[N], y[N];
    if (i >= n) return;
    load<T, N>(x, pre + i);
    load<T, N>(y, d + i);
    for (int j = 0; j < N; j++) y[j] *= slope(x[j], activation);
    store<T, N>(d + i, y);
}

template <typename T>
void cuda_activate(struct cuda_backend *cuda, T *out, const T *pre, int64_t n, enum activation activation) {
    constexpr int N = vec_elements<T>;
    if (rows_align<T>(n, out, pre))
        activate_kernel<T, N><<<cuda_blocks(n, THREADS * N), THREADS, 0, cuda->stream>>>(out, pre, n, activation);
    else
        activate_kernel<T, 1><<<cuda_blocks(n, THREADS), THREADS, 0, cuda->stream>>>(out, pre, n, activation);
    CUDA_LAUNCHED();
}

template <typename T>
void cuda_slope(struct cuda_backend *cuda, T *d, const T *pre, int64_t n, enum activation activation) {
    constexpr int N = vec_elements<T>;
    if (rows_align<T>(n, d, pre))
        slope_kernel<T, N><<<cuda_blocks(n, THREADS * N), THREADS, 0, cuda->stream>>>(d, pre, n, activation);
    else
        slope_kernel<T, 1><<<cuda_blocks(n, THREADS), THREADS, 0, cuda->stream>>>(d, pre, n, activation);
    CUDA_LAUNCHED();
}

// A warp reads N·32 columns of a row at a time; the block's eight warps take rows in turn. Its first warp then adds the
// eight sums up in order. Element j of a lane's vector lies at j·32 + lane in shared memory, so that lanes use
// different banks.
template <typename T, int N> static __global__ void column_sums_kernel(float *parts, const T *x, int64_t R, int64_t O) {
    __shared__ float shared[THREADS / WARP][WARP * N];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    int64_t o = ((int64_t)blockIdx.x * WARP + lane) * N, first = (int64_t)blockIdx.y * SUM_ROWS;
    int64_t end = first + SUM_ROWS < R ? first + SUM_ROWS : R;
    float sum[N] = {}, value[N];
    for (int64_t r = first + warp; r < end && o < O; r += THREADS / WARP) {
        load<T, N>(value, x + r * O + o);
        for (int j = 0; j < N; j++) sum[j] += value[j];
    }
    for (int j = 0; j < N; j++) shared[warp][j * WARP + lane] = sum[j];
    __syncthreads();
    if (warp || o >= O) return;
    for (int j = 0; j < N; j++) {
        for (int w = 1; w < THREADS / WARP; w++) sum[j] += shared[w][j * WARP + lane];
        parts[(int64_t)blockIdx.y * O + o + j] = sum[j];
    }
}

// Two steps, so that many blocks have rows of the same columns and yet the order of additions depends on R alone: each
// leaves a part of SUM_ROWS rows, and the parts are joined in order.
template <typename T> void cuda_column_sums(struct cuda_backend *cuda, float *sum, const T *x, int64_t R, int64_t O) {
    constexpr int N = vec_elements<T>;
    unsigned chunks = cuda_blocks(R, SUM_ROWS);
    float *parts = (float *)cuda_scratch(cuda, (size_t)chunks * (size_t)O * sizeof(float));
    if (rows_align<T>(O, x))
        column_sums_kernel<T, N><<<dim3(cuda_blocks(O, WARP * N), chunks), THREADS, 0, cuda->stream>>>(parts, x, R, O);
    else
        column_sums_kernel<T, 1><<<dim3(cuda_blocks(O, WARP), chunks), THREADS, 0, cuda->stream>>>(parts, x, R, O);
    CUDA_LAUNCHED();
    cuda_add_columns(cuda, sum, nullptr, parts, chunks, O);
}

#define INSTANCES(T)                                                                                                   \
    template void cuda_activate<T>(struct cuda_backend *, T *, const T *, int64_t, enum activation);                   \
    template void cuda_slope<T>(struct cuda_backend *, T *, const T *, int64_t, enum activation);                      \
    template void cuda_column_sums<T>(struct cuda_backend *, float *, const T *, int64_t, int64_t);
INSTANCES(float)
INSTANCES(bf16)
