// Softmax over rows, and the sigmoid loss of pairs: a block a row. Totals are sums of one number per row, taken in the order of the rows.
// reference/losses.c derives the gradients.
//
// A thread reads its elements once and keeps the largest so far, m, and l = Σ exp(x − m): a new largest x makes l·exp(m
// − x) + 1 of l. Threads' pairs are joined in the same way, by the block's largest. So a row is read once for its
// denominator and once more for the gradient that takes its place.
#include "ops/cuda/device.cuh"

#define THREADS 512

// What a thread or block has seen of a row: the largest value, and Σ exp(value − largest).
struct denominator {
    float largest, sum;
};

static __device__ __forceinline__ void see(struct denominator *d, float x) {
    if (x > d->largest) {
        d->sum = d->sum * __expf(d->largest - x) + 1;
        d->largest = x;
    } else {
        d->sum += __expf(x - d->largest);
    }
}

// log Σ exp(scale·x[i]) of the row of a block; every thread gets it.
template <typename T, int N> static __device__ float row_lse(const T *row, float scale, int64_t n, float *shared) {
    struct denominator seen = {-CUDART_INF_F, 0};
    float x[N];
    for (int64_t i = threadIdx.x * N; i < n; i += THREADS * N) {
        load<T, N>(x, row + i);
        for (int j = 0; j < N; j++) see(&seen, scale * x[j]);
    }
    float largest = block_max(seen.largest, shared);
    float sum = block_sum(seen.sum ? seen.sum * expf(seen.largest - largest) : 0.0f, shared);
    return largest + logf(sum);
}

template <typename T, int N>
static __global__ void cross_entropy_kernel(double *nll, T *logits, const int32_t *target, const float *scale,
                                            bool gradient, int64_t V) {
    __shared__ float shared[THREADS / WARP];
    int64_t r = blockIdx.x;
    T *row = logits + r * V;
    int wanted = target[r];
    float x[N];
    if (wanted < 0) {
        for (int j = 0; j < N; j++) x[j] = 0;
        for (int64_t i = threadIdx.x * N; gradient && i < V; i += THREADS * N) store<T, N>(row + i, x);
        if (threadIdx.x == 0) nll[r] = 0;
        return;
    }
    float lse = row_lse<T, N>(row, 1, V, shared);
    if (threadIdx.x == 0) nll[r] = (double)lse - as_float(row[wanted]);
    __syncthreads(); // the target's logit is read before it is overwritten
    for (int64_t i = threadIdx.x * N; gradient && i < V; i += THREADS * N) {
        load<T, N>(x, row + i);
        for (int j = 0; j < N; j++) x[j] = *scale * (__expf(x[j] - lse) - (i + j == wanted));
        store<T, N>(row + i, x);
    }
}

template <typename T>
static void cross_entropy(struct cuda_backend *cuda, double *total, T *logits, const int32_t *target,
                          const float *scale, bool gradient, int64_t R, int64_t V) {
    double *nll = (double *)cuda_scratch(cuda, (size_t)R * sizeof(double));
    if (rows_align<T>(V, logits))
        cross_entropy_kernel<T, vec_elements<T>>
            <<<(unsigned)R, THREADS, 0, cuda->stream>>>(nll, logits, target, scale, gradient, V);
    else
        cross_entropy_kernel<T, 1><<<(unsigned)R, THREADS, 0, cuda->stream>>>(nll, logits, target, scale, gradient, V);
    CUDA_LAUNCHED();
    cuda_add_parts(cuda, total, nll, R);
}

extern "C" void cuda_cross_entropy(struct ops *ops, double *total, void *logits, const int32_t *target,
                                   const float *scale, bool gradient, int64_t R, int64_t V) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(ops, cross_entropy(cuda_of(ops), total, (T *)logits, target, scale, gradient, R, V));
}

template <typename T> static __global__ void row_logsumexp_kernel(float *lse, const T *x, float scale, int64_t C) {
    __shared__ float shared[THREADS / WARP];
    float value = row_lse<T, 1>(x + blockIdx.x * C, scale, C, shared);
    if (threadIdx.x == 0) lse[blockIdx.x] = value;
}

extern "C" void cuda_row_logsumexp(struct ops *ops, float *lse, const void *x, float scale, int64_t R, int64_t C) {
    if (!R) return;
    CUDA_COMPUTE_TYPE(
        ops, (row_logsumexp_kernel<<<(unsigned)R, THREADS, 0, cuda_of(ops)->stream>>>(lse, (const T *)x, scale, C)));
    CUDA_LAUNCHED();
}

template <typename T>
static __global__ void contrastive_gradient_kernel(double *by_scale, T *x, const float *row_lse,
                                                   const float *column_lse, float scale, float weight, int64_t first,
                                                   int64_t C) {
    __shared__ double shared[THREADS / WARP];
    int64_t r = blockIdx.x;
    T *row = x + r * C;
    double sum = 0;
    for (int64_t c = threadIdx.x; c < C; c += THREADS) {
        float cosine = as_float(row[c]), logit = scale * cosine;
        float both = expf(logit - row_lse[r]) + expf(logit - column_lse[c]) - (c == first + r ? 2.0f : 0.0f);
        sum += (double)weight * both * cosine;
        set(&row[c], weight * both);
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) by_scale[r] = sum;
}

extern "C" void cuda_contrastive_gradient(struct ops *ops, void *x, double *d_scale, const float *row_lse,
                                          const float *column_lse, float scale, float weight, int64_t first, int64_t R,
                                          int64_t C) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!R) return;
    double *by_scale = (double *)cuda_scratch(cuda, (size_t)R * sizeof(double));
    CUDA_COMPUTE_TYPE(ops, (contrastive_gradient_kernel<<<(unsigned)R, THREADS, 0, cuda->stream>>>(
                               by_scale, (T *)x, row_lse, column_lse, scale, weight, first, C)));
    CUDA_LAUNCHED();
    cuda_add_parts(cuda, d_scale, by_scale, R);
}

// parts[3,R]: the row's loss, Σ g·x and Σ g. With `against` = −z·l, the loss −log σ(z·l) = max(against, 0) + log(1 + e),
// e = exp(−|l|), and its slope by `against` is σ(against).
template <typename T>
static __global__ void sigmoid_loss_kernel(double *parts, T *x, float scale, float bias, float weight, bool gradient,
                                           int64_t first, int64_t C) {
    __shared__ double shared[THREADS / WARP];
    int64_t r = blockIdx.x, R = gridDim.x;
    T *row = x + r * C;
    double loss = 0, by_scale = 0, by_bias = 0;
    for (int64_t c = threadIdx.x; c < C; c += THREADS) {
        float cosine = as_float(row[c]), logit = scale * cosine + bias, z = c == first + r ? 1.0f : -1.0f;
        float against = -z * logit, e = expf(-fabsf(logit));
        loss += fmaxf(against, 0) + log1pf(e);
        if (!gradient) continue;
        float g = -z * weight * ((against < 0 ? e : 1.0f) / (1 + e));
        by_scale += (double)g * cosine;
        by_bias += g;
        set(&row[c], g);
    }
    loss = block_sum(loss, shared);
    by_scale = block_sum(by_scale, shared);
    by_bias = block_sum(by_bias, shared);
    if (threadIdx.x) return;
    parts[r] = loss;
    parts[R + r] = by_scale;
    parts[2 * R + r] = by_bias;
}

extern "C" void cuda_sigmoid_loss(struct ops *ops, double *sums, void *x, float scale, float bias, float weight,
                                  bool gradient, int64_t first, int64_t R, int64_t C) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!R) return;
    double *parts = (double *)cuda_scratch(cuda, 3 * (size_t)R * sizeof(double));
    CUDA_COMPUTE_TYPE(ops, (sigmoid_loss_kernel<<<(unsigned)R, THREADS, 0, cuda->stream>>>(
                               parts, (T *)x, scale, bias, weight, gradient, first, C)));
    CUDA_LAUNCHED();
    for (int i = 0; i < (gradient ? 3 : 1); i++) cuda_add_parts(cuda, sums + i, parts + i * R, R);
}
