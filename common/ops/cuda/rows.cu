// Operations on rows: patches, embeddings, sums, gathers. Most are one expression for each element, written as a
// function whose results elements_kernel stores, 16 bytes at a time. Gradients of tables cannot use atomics, whose
// order differs from run to run: a stable sort of the tokens brings the rows of one token together, in their order, and
// one thread for each column adds them up. So the order of additions is that of the rows.
#include <cub/device/device_radix_sort.cuh>

#include "ops/cuda/device.cuh"

#define THREADS 256

// ---- patches

struct normalisation {
    float mean[3], inverse[3]; // of channels; x = (u8/255 − mean)·inverse
};

template <typename T>
static __global__ void patches_kernel(T *out, const uint8_t *pixels, struct normalisation by, int64_t count, int S,
                                      int P) {
    int side = S / P, area = P * P;
    int64_t n = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (n >= count) return;
    int64_t row = n / (3 * area), b = row / (side * side);
    int i = (int)(n % (3 * area)), at = (int)(row % (side * side)), channel = i / area;
    int y = at / side * P + i / P % P, x = at % side * P + i % P;
    float value = (float)pixels[((b * S + y) * S + x) * 3 + channel] / 255.0f;
    set(&out[n], (value - by.mean[channel]) * by.inverse[channel]);
}

extern "C" void cuda_patches(struct ops *ops, void *out, const uint8_t *pixels, const float mean[3], const float std[3],
                             int64_t B, int64_t S, int64_t P) {
    struct normalisation by;
    int64_t count = B * (S / P) * (S / P) * 3 * P * P;
    for (int i = 0; i < 3; i++) {
        by.mean[i] = mean[i];
        by.inverse[i] = 1 / std[i];
    }
    if (!count) return;
    CUDA_COMPUTE_TYPE(ops, (patches_kernel<<<cuda_blocks(count, THREADS), THREADS, 0, cuda_of(ops)->stream>>>(
                               (T *)out, pixels, by, count, (int)S, (int)P)));
    CUDA_LAUNCHED();
}

// ---- element by element

// out[e] = function(e), N elements of one row at a time.
template <typename T, int N, typename F>
static __global__ void elements_kernel(T *out, int64_t count, int64_t D, F function) {
    int64_t e = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) * N;
    float x[N];
    if (e >= count) return;
    function.template operator()<N>(x, e / D, e % D, e);
    store<T, N>(out + e, x);
}

template <typename T, int N, typename F>
static void run_elements(struct cuda_backend *cuda, T *out, int64_t R, int64_t D, F function) {
    int64_t count = R * D;
    if (!count) return;
    elements_kernel<T, N, F><<<cuda_blocks(count, THREADS * N), THREADS, 0, cuda->stream>>>(out, count, D, function);
    CUDA_LAUNCHED();
}

template <typename T> struct embedded {
    const T *table, *cls, *position;
    const int32_t *token, *place;
    int64_t D;
    template <int N> __device__ void operator()(float *x, int64_t r, int64_t i, int64_t) const {
        float y[N];
        load<T, N>(x, (token[r] < 0 ? cls : table + token[r] * D) + i);
        load<T, N>(y, position + place[r] * D + i);
        for (int j = 0; j < N; j++) x[j] += y[j];
    }
};

template <typename T>
static void embed(struct cuda_backend *cuda, T *out, const T *table, const T *cls, const T *position,
                  const int32_t *token, const int32_t *place, int64_t R, int64_t D) {
    struct embedded<T> from = {
        table, cls, position, token, place, D
    };
    if (rows_align<T>(D, out, table, cls, position))
        run_elements<T, vec_elements<T>>(cuda, out, R, D, from);
    else
        run_elements<T, 1>(cuda, out, R, D, from);
}

extern "C" void cuda_embedding_forward(struct ops *ops, void *out, const void *table, const void *cls,
                                       const void *position, const int32_t *token, const int32_t *place, int64_t R,
                                       int64_t D) {
    CUDA_COMPUTE_TYPE(
        ops, embed(cuda_of(ops), (T *)out, (const T *)table, (const T *)cls, (const T *)position, token, place, R, D));
}

template <typename T> struct with_rows {
    const T *in, *rows; // in may be NULL
    int64_t N_rows, D;
    template <int N> __device__ void operator()(float *x, int64_t r, int64_t i, int64_t e) const {
        float y[N];
        load<T, N>(x, rows + r % N_rows * D + i);
        if (!in) return;
        load<T, N>(y, in + e);
        for (int j = 0; j < N; j++) x[j] += y[j];
    }
};

template <typename T>
static void add_rows(struct cuda_backend *cuda, T *out, const T *in, const T *rows, int64_t R, int64_t N, int64_t D) {
    struct with_rows<T> sum = {
        in, rows, N, D
    };
    if (rows_align<T>(D, out, in, rows))
        run_elements<T, vec_elements<T>>(cuda, out, R, D, sum);
    else
        run_elements<T, 1>(cuda, out, R, D, sum);
}

extern "C" void cuda_add_rows(struct ops *ops, void *out, const void *in, const void *rows, int64_t R, int64_t N,
                              int64_t D) {
    CUDA_COMPUTE_TYPE(ops, add_rows(cuda_of(ops), (T *)out, (const T *)in, (const T *)rows, R, N, D));
}

template <typename T> struct gathered {
    const T *in;
    const int32_t *index;
    int64_t D;
    template <int N> __device__ void operator()(float *x, int64_t r, int64_t i, int64_t) const {
        load<T, N>(x, in + index[r] * D + i);
    }
};

template <typename T>
static void gather(struct cuda_backend *cuda, T *out, const T *in, const int32_t *index, int64_t R, int64_t D) {
    struct gathered<T> from = {
        in, index, D
    };
    if (rows_align<T>(D, out, in))
        run_elements<T, vec_elements<T>>(cuda, out, R, D, from);
    else
        run_elements<T, 1>(cuda, out, R, D, from);
}

extern "C" void cuda_gather_rows(struct ops *ops, void *out, const void *in, const int32_t *index, int64_t R,
                                 int64_t D) {
    CUDA_COMPUTE_TYPE(ops, gather(cuda_of(ops), (T *)out, (const T *)in, index, R, D));
}

template <typename T, int N>
static __global__ void scatter_add_kernel(T *out, const T *in, const int32_t *index, int64_t count, int64_t D) {
    int64_t e = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) * N;
    float x[N], y[N];
    if (e >= count) return;
    T *to = out + index[e / D] * D + e % D;
    load<T, N>(x, in + e);
    load<T, N>(y, to);
    for (int j = 0; j < N; j++) y[j] += x[j];
    store<T, N>(to, y);
}

template <typename T>
static void scatter_add(struct cuda_backend *cuda, T *out, const T *in, const int32_t *index, int64_t R, int64_t D) {
    constexpr int N = vec_elements<T>;
    int64_t count = R * D;
    if (!count) return;
    if (rows_align<T>(D, out, in))
        scatter_add_kernel<T, N>
            <<<cuda_blocks(count, THREADS * N), THREADS, 0, cuda->stream>>>(out, in, index, count, D);
    else
        scatter_add_kernel<T, 1><<<cuda_blocks(count, THREADS), THREADS, 0, cuda->stream>>>(out, in, index, count, D);
    CUDA_LAUNCHED();
}

extern "C" void cuda_scatter_add_rows(struct ops *ops, void *out, const void *in, const int32_t *index, int64_t R,
                                      int64_t D) {
    CUDA_COMPUTE_TYPE(ops, scatter_add(cuda_of(ops), (T *)out, (const T *)in, index, R, D));
}

template <typename T> struct both_added {
    const T *a, *b;
    template <int N> __device__ void operator()(float *x, int64_t, int64_t, int64_t e) const {
        float y[N];
        load<T, N>(x, a + e);
        load<T, N>(y, b + e);
        for (int j = 0; j < N; j++) x[j] += y[j];
    }
};

template <typename T> static void add(struct cuda_backend *cuda, T *out, const T *a, const T *b, int64_t n) {
    struct both_added<T> sum = {
        a, b
    };
    if (rows_align<T>(n, out, a, b))
        run_elements<T, vec_elements<T>>(cuda, out, 1, n, sum);
    else
        run_elements<T, 1>(cuda, out, 1, n, sum);
}

extern "C" void cuda_add(struct ops *ops, void *out, const void *a, const void *b, int64_t n) {
    CUDA_COMPUTE_TYPE(ops, add(cuda_of(ops), (T *)out, (const T *)a, (const T *)b, n));
}

// ---- sums over rows

// One thread for each of the N·D sums; threads side by side have columns side by side.
template <typename T>
static __global__ void sum_rows_kernel(float *d_rows, const T *d_out, int64_t R, int64_t N, int64_t D) {
    int64_t e = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, n = e / D; // of [N,D]
    float sum = 0;
    if (n >= N) return;
    int count = n < R ? (int)((R - n + N - 1) / N) : 0;
#pragma unroll 8
    for (int i = 0; i < count; i++) sum += as_float(d_out[e + i * (N * D)]);
    d_rows[e] += sum;
}

extern "C" void cuda_sum_rows(struct ops *ops, float *d_rows, const void *d_out, int64_t R, int64_t N, int64_t D) {
    if (!N || !D) return;
    CUDA_COMPUTE_TYPE(ops, (sum_rows_kernel<<<cuda_blocks(N * D, THREADS), THREADS, 0, cuda_of(ops)->stream>>>(
                               d_rows, (const T *)d_out, R, N, D)));
    CUDA_LAUNCHED();
}

// What the sort carries along with the keys: the rows' own numbers.
static __global__ void number_kernel(int32_t *number, int R) {
    int r = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (r < R) number[r] = r;
}

// Blocks for each run of equal keys, a thread for each column, add its rows up in their order. key[r] and row[r] are
// sorted by key, rows of one key ascending. There is a block for every row, since only the device knows how many runs
// there are; those that are not at a run's beginning leave at once.
template <typename T>
static __global__ void add_runs_kernel(float *d_table, float *d_negative, const T *d_out, const int32_t *key,
                                       const int32_t *row, int R, int64_t D) {
    int first = blockIdx.x, end = first + 1;
    int64_t i = (int64_t)blockIdx.y * blockDim.x + threadIdx.x;
    if (i >= D || (first && key[first] == key[first - 1])) return;
    while (end < R && key[end] == key[first]) end++;
    float *to = key[first] < 0 ? d_negative : d_table + key[first] * D, sum = 0;
#pragma unroll 8
    for (int r = first; r < end; r++) sum += as_float(d_out[row[r] * D + i]);
    to[i] += sum;
}

// d_table[key[r]] += d_out[r]; d_negative for keys below 0.
template <typename T>
static void add_by_key(struct cuda_backend *cuda, float *d_table, float *d_negative, const T *d_out, const int32_t *key,
                       int R, int64_t D) {
    size_t list = ((size_t)R * sizeof(int32_t) + 255) / 256 * 256, sort = 0;
    int32_t *none = nullptr;
    CUDA_CHECK(cub::DeviceRadixSort::SortPairs(nullptr, sort, key, none, none, none, R, 0, 32, cuda->stream));
    char *memory = (char *)cuda_scratch(cuda, 3 * list + sort);
    int32_t *number = (int32_t *)memory, *sorted = (int32_t *)(memory + list), *row = (int32_t *)(memory + 2 * list);
    number_kernel<<<cuda_blocks(R, THREADS), THREADS, 0, cuda->stream>>>(number, R);
    CUDA_LAUNCHED();
    CUDA_CHECK(
        cub::DeviceRadixSort::SortPairs(memory + 3 * list, sort, key, sorted, number, row, R, 0, 32, cuda->stream));
    add_runs_kernel<<<dim3((unsigned)R, cuda_blocks(D, THREADS)), THREADS, 0, cuda->stream>>>(d_table, d_negative,
                                                                                              d_out, sorted, row, R, D);
    CUDA_LAUNCHED();
}

extern "C" void cuda_embedding_backward(struct ops *ops, float *d_table, float *d_cls, float *d_position,
                                        const void *d_out, const int32_t *token, const int32_t *place, int64_t R,
                                        int64_t D) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!R) return;
    CUDA_COMPUTE_TYPE(ops, add_by_key(cuda, d_table, d_cls, (const T *)d_out, token, (int)R, D));
    CUDA_COMPUTE_TYPE(ops, add_by_key(cuda, d_position, nullptr, (const T *)d_out, place, (int)R, D));
}
