// LayerNorm and L2 normalisation, a warp a row (reference/normalisation.c derives the gradients), so that a row's sums
// take exchanges between lanes and no barrier. Rows of up to HELD vectors a lane, 1,536 bf16 or 768 f32, are held in
// registers and read once. Others are read again for each pass over them: they lie in the first cache by then.
#include "ops/cuda/device.cuh"

#define LAYERNORM_EPSILON 1e-5f
#define NORMALIZE_EPSILON 1e-12f
#define ROWS_PER_BLOCK 8 // warps of a forward block
#define ROWS_PER_WARP 4  // of a backward block, at least, since each block leaves a part to be added up

template <typename T, int N>
static __global__ void layernorm_forward_kernel(T *out, float *mean, float *rstd, const T *in, const float *weight,
                                                const float *bias, int64_t R, int64_t D) {
    int64_t r = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    if (r >= R) return;
    const T *row = in + r * D;
    float sum = 0, squares = 0, x[N];
    for (int64_t i = lane * N; i < D; i += WARP * N) {
        load<T, N>(x, row + i);
        for (int j = 0; j < N; j++) sum += x[j];
    }
    float m = warp_sum(sum) / (float)D;
    for (int64_t i = lane * N; i < D; i += WARP * N) {
        load<T, N>(x, row + i);
        for (int j = 0; j < N; j++) squares += (x[j] - m) * (x[j] - m);
    }
    float s = rsqrtf(warp_sum(squares) / (float)D + LAYERNORM_EPSILON);
    for (int64_t i = lane * N; i < D; i += WARP * N) {
        load<T, N>(x, row + i);
        for (int j = 0; j < N; j++) x[j] = (x[j] - m) * s * weight[i + j] + bias[i + j];
        store<T, N>(out + r * D + i, x);
    }
    if (lane == 0) {
        mean[r] = m;
        rstd[r] = s;
    }
}

// 16 bytes at a time.
template <int N> static __device__ __forceinline__ void load_floats(float x[N], const float *from) {
#pragma unroll
    for (int i = 0; i < N; i += vec_elements<float>) load<float, vec_elements<float>>(x + i, from + i);
}

// The same with the row in registers, K vectors of N elements a lane.
template <typename T, int N, int K>
static __global__ void layernorm_forward_held_kernel(T *out, float *mean, float *rstd, const T *in, const float *weight,
                                                     const float *bias, int64_t R, int64_t D) {
    int64_t r = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    if (r >= R) return;
    float x[K][N], sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < K; k++) {
        int64_t i = (k * WARP + lane) * N;
        if (i < D) load<T, N>(x[k], in + r * D + i);
        for (int j = 0; j < N && i < D; j++) sum += x[k][j];
    }
    float m = warp_sum(sum) / (float)D;
#pragma unroll
    for (int k = 0; k < K; k++)
        for (int j = 0; j < N && (k * WARP + lane) * N < D; j++) squares += (x[k][j] - m) * (x[k][j] - m);
    float s = rsqrtf(warp_sum(squares) / (float)D + LAYERNORM_EPSILON);
#pragma unroll
    for (int k = 0; k < K; k++) {
        int64_t i = (k * WARP + lane) * N;
        float w[N], b[N];
        if (i >= D) continue;
        load_floats<N>(w, weight + i);
        load_floats<N>(b, bias + i);
        for (int j = 0; j < N; j++) x[k][j] = (x[k][j] - m) * s * w[j] + b[j];
        store<T, N>(out + r * D + i, x[k]);
    }
    if (lane == 0) {
        mean[r] = m;
        rstd[r] = s;
    }
}

// Calls `FUNCTION` with K, how many vectors of N elements a lane takes of a row; none where that is more than HELD.
#define HELD 6
#define HELD_VECTORS(D, N, CALL)                                                                                       \
    switch (((D) + WARP * (N)-1) / (WARP * (N))) {                                                                     \
    case 1: CALL(1); return;                                                                                           \
    case 2: CALL(2); return;                                                                                           \
    case 3: CALL(3); return;                                                                                           \
    case 4: CALL(4); return;                                                                                           \
    case 5: CALL(5); return;                                                                                           \
    case HELD: CALL(HELD); return;                                                                                     \
    default: break;                                                                                                    \
    }

template <typename T>
static void layernorm_forward_held(struct cuda_backend *cuda, T *out, float *mean, float *rstd, const T *in,
                                   const float *weight, const float *bias, int64_t R, int64_t D) {
    constexpr int N = vec_elements<T>;
    unsigned blocks = cuda_blocks(R, ROWS_PER_BLOCK), threads = ROWS_PER_BLOCK * WARP;
#define CALL(K)                                                                                                        \
    layernorm_forward_held_kernel<T, N, K>                                                                             \
        <<<blocks, threads, 0, cuda->stream>>>(out, mean, rstd, in, weight, bias, R, D)
    HELD_VECTORS(D, N, CALL)
#undef CALL
    layernorm_forward_kernel<T, N><<<blocks, threads, 0, cuda->stream>>>(out, mean, rstd, in, weight, bias, R, D);
}

template <typename T>
static void layernorm_forward(struct cuda_backend *cuda, T *out, float *mean, float *rstd, const T *in,
                              const float *weight, const float *bias, int64_t R, int64_t D) {
    unsigned blocks = cuda_blocks(R, ROWS_PER_BLOCK), threads = ROWS_PER_BLOCK * WARP;
    if (rows_align<T>(D, out, in, weight, bias))
        layernorm_forward_held(cuda, out, mean, rstd, in, weight, bias, R, D);
    else
        layernorm_forward_kernel<T, 1><<<blocks, threads, 0, cuda->stream>>>(out, mean, rstd, in, weight, bias, R, D);
    CUDA_LAUNCHED();
}

extern "C" void cuda_layernorm_forward(struct ops *ops, void *out, float *mean, float *rstd, const void *in,
                                       const float *weight, const float *bias, int64_t R, int64_t D) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(ops, layernorm_forward(cuda_of(ops), (T *)out, mean, rstd, (const T *)in, weight, bias, R, D));
}

// A warp goes through its rows and keeps, in shared memory, sums over them for the gradients of weight and bias: the
// lane that reads a column also adds to it. Column i + j of a vector lies at j·D/N + i/N, so that lanes use different
// banks. The block leaves one part [2,D] for all its warps.
template <typename T, int N>
static __global__ void layernorm_backward_kernel(T *d_in, float *parts, const T *d_out, const T *in,
                                                 const float *weight, const float *mean, const float *rstd, int64_t R,
                                                 int64_t D, bool accumulate) {
    extern __shared__ float sums[]; // [warps][2][D]
    int warps = blockDim.x / WARP, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    float *by_weight = sums + warp * 2 * D, *by_bias = by_weight + D, g[N], x[N], d[N];
    for (int64_t i = threadIdx.x; i < warps * 2 * D; i += blockDim.x) sums[i] = 0;
    __syncthreads();
    for (int64_t r = (int64_t)blockIdx.x * warps + warp; r < R; r += (int64_t)gridDim.x * warps) {
        float m = mean[r], s = rstd[r], sum_g = 0, sum_gx = 0;
        for (int64_t i = lane * N; i < D; i += WARP * N) {
            load<T, N>(g, d_out + r * D + i);
            load<T, N>(x, in + r * D + i);
            for (int j = 0; j < N; j++) {
                float hat = (x[j] - m) * s, gw = g[j] * weight[i + j];
                by_weight[j * (D / N) + i / N] += g[j] * hat;
                by_bias[j * (D / N) + i / N] += g[j];
                sum_g += gw;
                sum_gx += gw * hat;
            }
        }
        sum_g = warp_sum(sum_g) / (float)D;
        sum_gx = warp_sum(sum_gx) / (float)D;
        for (int64_t i = lane * N; i < D; i += WARP * N) {
            load<T, N>(g, d_out + r * D + i);
            load<T, N>(x, in + r * D + i);
            if (accumulate) load<T, N>(d, d_in + r * D + i);
            for (int j = 0; j < N; j++) {
                float value = s * (g[j] * weight[i + j] - sum_g - (x[j] - m) * s * sum_gx);
                d[j] = accumulate ? d[j] + value : value;
            }
            store<T, N>(d_in + r * D + i, d);
        }
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; i < 2 * D; i += blockDim.x) {
        int64_t first = i < D ? 0 : D, column = i - first;
        float sum = 0;
        for (int w = 0; w < warps; w++) sum += sums[w * 2 * D + first + column % N * (D / N) + column / N];
        parts[blockIdx.x * 2 * D + i] = sum;
    }
}

// The same with the row and the lane's sums in registers: a lane has the same columns of every row, so its sums for
// weight and bias meet those of other warps in shared memory only once, at the end.
template <typename T, int N, int K>
static __global__ void __launch_bounds__(8 * WARP)
    layernorm_backward_held_kernel(T *d_in, float *parts, const T *d_out, const T *in, const float *weight,
                                   const float *mean, const float *rstd, int64_t R, int64_t D, bool accumulate) {
    extern __shared__ float sums[]; // [warps][2][D]
    int warps = blockDim.x / WARP, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    float by_weight[K][N] = {}, by_bias[K][N] = {};
    for (int64_t r = (int64_t)blockIdx.x * warps + warp; r < R; r += (int64_t)gridDim.x * warps) {
        float m = mean[r], s = rstd[r], sum_g = 0, sum_gx = 0, g[K][N], x[K][N];
#pragma unroll
        for (int k = 0; k < K; k++) {
            int64_t i = (k * WARP + lane) * N;
            if (i >= D) continue;
            load<T, N>(g[k], d_out + r * D + i);
            load<T, N>(x[k], in + r * D + i);
            for (int j = 0; j < N; j++) {
                x[k][j] = (x[k][j] - m) * s;
                by_weight[k][j] += g[k][j] * x[k][j];
                by_bias[k][j] += g[k][j];
                g[k][j] *= weight[i + j];
                sum_g += g[k][j];
                sum_gx += g[k][j] * x[k][j];
            }
        }
        sum_g = warp_sum(sum_g) / (float)D;
        sum_gx = warp_sum(sum_gx) / (float)D;
#pragma unroll
        for (int k = 0; k < K; k++) {
            int64_t i = (k * WARP + lane) * N;
            float d[N] = {};
            if (i >= D) continue;
            if (accumulate) load<T, N>(d, d_in + r * D + i);
            for (int j = 0; j < N; j++) d[j] += s * (g[k][j] - sum_g - x[k][j] * sum_gx);
            store<T, N>(d_in + r * D + i, d);
        }
    }
#pragma unroll
    for (int k = 0; k < K; k++) {
        int64_t i = (k * WARP + lane) * N;
        for (int j = 0; j < N && i < D; j++) {
            sums[warp * 2 * D + i + j] = by_weight[k][j];
            sums[warp * 2 * D + D + i + j] = by_bias[k][j];
        }
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; i < 2 * D; i += blockDim.x) {
        float sum = 0;
        for (int w = 0; w < warps; w++) sum += sums[w * 2 * D + i];
        parts[blockIdx.x * 2 * D + i] = sum;
    }
}

// The most warps, up to 8, whose sums fit into shared memory.
static int backward_warps(const struct cuda_backend *cuda, int64_t D) {
    int64_t fit = (int64_t)cuda->shared_limit / (int64_t)(2 * D * sizeof(float));
    if (fit < 1)
        die(EXIT_RUN, "--device cuda:%d: LayerNorm over %ld elements does not fit its shared memory", cuda->device,
            (long)D);
    return fit >= 8 ? 8 : fit >= 4 ? 4 : (int)fit;
}

struct backward_launch {
    unsigned blocks, threads;
    size_t shared; // bytes
};

template <typename Kernel, typename T>
static void launch_backward(Kernel kernel, struct backward_launch launch, struct cuda_backend *cuda, T *d_in,
                            float *parts, const T *d_out, const T *in, const float *weight, const float *mean,
                            const float *rstd, int64_t R, int64_t D, bool accumulate) {
    // the most there is, since a graph may hold launches of one kernel that need different amounts
    CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)cuda->shared_limit));
    kernel<<<launch.blocks, launch.threads, launch.shared, cuda->stream>>>(d_in, parts, d_out, in, weight, mean, rstd,
                                                                           R, D, accumulate);
    CUDA_LAUNCHED();
}

template <typename T, typename... Rest>
static void launch_backward_vectors(struct backward_launch launch, struct cuda_backend *cuda, int64_t D, T *d_in,
                                    Rest... rest) {
    constexpr int N = vec_elements<T>;
#define CALL(K) launch_backward(layernorm_backward_held_kernel<T, N, K>, launch, cuda, d_in, rest...)
    HELD_VECTORS(D, N, CALL)
#undef CALL
    launch_backward(layernorm_backward_kernel<T, N>, launch, cuda, d_in, rest...);
}

template <typename T>
static void layernorm_backward(struct cuda_backend *cuda, T *d_in, float *d_weight, float *d_bias, const T *d_out,
                               const T *in, const float *weight, const float *mean, const float *rstd, int64_t R,
                               int64_t D, bool accumulate) {
    // Each block leaves a part of the sums for weight and bias, and the parts are joined in order. More blocks are more
    // parts to join, fewer leave multiprocessors idle: at most two for each, with rows enough for every warp. How many
    // there are depends on the GPU and the shape alone, and so do the bits.
    int warps = backward_warps(cuda, D);
    unsigned blocks = cuda_blocks(R, warps * ROWS_PER_WARP), most = 2 * (unsigned)cuda->multiprocessors;
    if (blocks > most) blocks = most;
    float *parts = (float *)cuda_scratch(cuda, (size_t)(blocks * 2 * D) * sizeof(float));
    const struct backward_launch launch = {blocks, (unsigned)(warps * WARP), (size_t)(warps * 2 * D) * sizeof(float)};
    if (rows_align<T>(D, d_in, d_out, in))
        launch_backward_vectors(launch, cuda, D, d_in, parts, d_out, in, weight, mean, rstd, R, D, accumulate);
    else
        launch_backward(layernorm_backward_kernel<T, 1>, launch, cuda, d_in, parts, d_out, in, weight, mean, rstd, R, D,
                        accumulate);
    cuda_add_columns(cuda, d_weight, d_bias, parts, blocks, D);
}

extern "C" void cuda_layernorm_backward(struct ops *ops, void *d_in, float *d_weight, float *d_bias, const void *d_out,
                                        const void *in, const float *weight, const float *mean, const float *rstd,
                                        int64_t R, int64_t D, bool accumulate) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(ops, layernorm_backward(cuda_of(ops), (T *)d_in, d_weight, d_bias, (const T *)d_out,
                                              (const T *)in, weight, mean, rstd, R, D, accumulate));
}

// ---- rows of length 1

template <typename T>
static __global__ void normalize_forward_kernel(float *out, float *norm, const T *in, int64_t R, int64_t D) {
    int64_t r = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    if (r >= R) return;
    float sum = 0;
    for (int64_t i = lane; i < D; i += WARP) sum += as_float(in[r * D + i]) * as_float(in[r * D + i]);
    float length = fmaxf(sqrtf(warp_sum(sum)), NORMALIZE_EPSILON);
    for (int64_t i = lane; i < D; i += WARP) out[r * D + i] = as_float(in[r * D + i]) / length;
    if (lane == 0) norm[r] = length;
}

extern "C" void cuda_normalize_forward(struct ops *ops, float *out, float *norm, const void *in, int64_t R, int64_t D) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(
        ops,
        (normalize_forward_kernel<<<cuda_blocks(R, ROWS_PER_BLOCK), ROWS_PER_BLOCK * WARP, 0, cuda_of(ops)->stream>>>(
            out, norm, (const T *)in, R, D)));
    CUDA_LAUNCHED();
}

template <typename T>
static __global__ void normalize_backward_kernel(T *d_in, const float *d_out, const float *out, const float *norm,
                                                 int64_t R, int64_t D) {
    int64_t r = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    if (r >= R) return;
    float along = 0;
    for (int64_t i = lane; i < D; i += WARP) along += d_out[r * D + i] * out[r * D + i];
    along = warp_sum(along);
    for (int64_t i = lane; i < D; i += WARP)
        set(&d_in[r * D + i], (d_out[r * D + i] - out[r * D + i] * along) / norm[r]);
}

extern "C" void cuda_normalize_backward(struct ops *ops, void *d_in, const float *d_out, const float *out,
                                        const float *norm, int64_t R, int64_t D) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(
        ops,
        (normalize_backward_kernel<<<cuda_blocks(R, ROWS_PER_BLOCK), ROWS_PER_BLOCK * WARP, 0, cuda_of(ops)->stream>>>(
            (T *)d_in, d_out, out, norm, R, D)));
    CUDA_LAUNCHED();
}
