// Updates of whole parameter blocks, and Adafactor's of one tensor, without a word to the host: what one kernel finds
// out (Σ u² for the clipping, means of factors) stays on the device for the next, and the queue never runs dry.
// reference/optimizer.c derives the rules. A sum goes by blocks in a fixed pattern, whose parts are joined in order.
#include "ops/cuda/device.cuh"

#define THREADS 256
#define PARTS 1024 // blocks that sum whole blocks of numbers
#define ADAFACTOR_EPSILON 1e-30f
#define ROWS_A_PART 256 // of a gradient, for sums over rows

// ---- sums of squares

static __global__ void sum_squares_kernel(double *parts, const float *x, int64_t n) {
    __shared__ double shared[THREADS / WARP];
    double sum = 0;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += (int64_t)gridDim.x * THREADS)
        sum += (double)x[i] * x[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// Depends on n alone: the number of blocks decides which numbers a thread adds up, and so the bits.
static unsigned parts_of(int64_t n) {
    unsigned blocks = cuda_blocks(n, THREADS);
    return blocks < PARTS ? blocks : PARTS;
}

extern "C" void cuda_sum_squares(struct ops *ops, double *total, const float *x, int64_t n) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!n) return;
    double *parts = (double *)cuda_scratch(cuda, PARTS * sizeof(double));
    sum_squares_kernel<<<parts_of(n), THREADS, 0, cuda->stream>>>(parts, x, n);
    CUDA_LAUNCHED();
    cuda_add_parts(cuda, total, parts, parts_of(n));
}

// ---- AdamW

// A step's constants, worked out in f64 on the host: rest = 1 − beta, rate = lr/correction1, and correction2 is the
// reciprocal of the step's.
struct adamw_numbers {
    float beta1, rest1, beta2, rest2, decay, rate, correction2, eps, gradient_scale;
};

static __global__ void adamw_kernel(float *p, float *m, float *v, const float *g, int64_t n, struct adamw_numbers by) {
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    float gradient = g[i] * by.gradient_scale;
    float first = by.beta1 * m[i] + by.rest1 * gradient;
    float second = by.beta2 * v[i] + by.rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * by.decay - by.rate * first / (sqrtf(second * by.correction2) + by.eps);
}

extern "C" void cuda_adamw(struct ops *ops, float *p, float *m, float *v, const float *g, int64_t n,
                           const struct adamw_step *step) {
    const struct adamw_numbers by = {(float)step->beta1,
                                     (float)(1 - step->beta1),
                                     (float)step->beta2,
                                     (float)(1 - step->beta2),
                                     (float)(1 - step->lr * step->weight_decay),
                                     (float)(step->lr / step->correction1),
                                     (float)(1 / step->correction2),
                                     (float)step->eps,
                                     (float)step->gradient_scale};
    if (!n) return;
    adamw_kernel<<<cuda_blocks(n, THREADS), THREADS, 0, cuda_of(ops)->stream>>>(p, m, v, g, n, by);
    CUDA_LAUNCHED();
}

// ---- Adafactor

struct adafactor_numbers {
    float decay, lr, beta1, rest1, beta2, rest2, threshold, gradient_scale;
    int64_t rows, columns; // of one matrix
};

static __device__ __forceinline__ float square_of(const float *g, int64_t i, const struct adafactor_numbers &by) {
    float gradient = g[i] * by.gradient_scale;
    return gradient * gradient + ADAFACTOR_EPSILON;
}

// row[r] blends in the mean over the columns: a block a row of all matrices.
static __global__ void row_moments_kernel(float *row, const float *g, struct adafactor_numbers by) {
    __shared__ float shared[THREADS / WARP];
    int64_t r = blockIdx.x;
    float sum = 0;
    for (int64_t c = threadIdx.x; c < by.columns; c += THREADS) sum += square_of(g, r * by.columns + c, by);
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) row[r] = by.beta2 * row[r] + by.rest2 * sum / (float)by.columns;
}

// Sums of ROWS_A_PART rows of matrix blockIdx.z by column.
static __global__ void column_parts_kernel(float *parts, const float *g, struct adafactor_numbers by) {
    int64_t c = (int64_t)blockIdx.x * THREADS + threadIdx.x, first = (int64_t)blockIdx.y * ROWS_A_PART;
    int64_t end = first + ROWS_A_PART < by.rows ? first + ROWS_A_PART : by.rows;
    float sum = 0;
    if (c >= by.columns) return;
    g += (int64_t)blockIdx.z * by.rows * by.columns;
    for (int64_t r = first; r < end; r++) sum += square_of(g, r * by.columns + c, by);
    parts[((int64_t)blockIdx.z * gridDim.y + blockIdx.y) * by.columns + c] = sum;
}

static __global__ void column_moments_kernel(float *column, const float *parts, int count,
                                             struct adafactor_numbers by) {
    int64_t c = (int64_t)blockIdx.x * THREADS + threadIdx.x, b = blockIdx.y;
    float sum = 0;
    if (c >= by.columns) return;
    for (int i = 0; i < count; i++) sum += parts[(b * count + i) * by.columns + c];
    column[b * by.columns + c] = by.beta2 * column[b * by.columns + c] + by.rest2 * sum / (float)by.rows;
}

static __global__ void row_mean_kernel(float *mean, const float *row, int64_t rows) {
    __shared__ double shared[THREADS / WARP];
    double sum = 0;
    for (int64_t r = threadIdx.x; r < rows; r += THREADS) sum += row[blockIdx.x * rows + r];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) mean[blockIdx.x] = (float)(sum / (double)rows);
}

static __global__ void all_moments_kernel(float *row, const float *g, int64_t n, struct adafactor_numbers by) {
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < n) row[i] = by.beta2 * row[i] + by.rest2 * square_of(g, i, by);
}

// The gradient over the root of its second moment; `mean` NULL where every number has a moment of its own. Two roots of
// numbers of usual size, since row·column, about g⁴, leaves the range of f32.
static __device__ __forceinline__ float scaled(const float *g, int64_t i, const float *row, const float *column,
                                               const float *mean, const struct adafactor_numbers &by) {
    float gradient = g[i] * by.gradient_scale;
    if (!mean) return gradient * rsqrtf(row[i]);
    int64_t r = i / by.columns, b = r / by.rows;
    return gradient / (sqrtf(row[r] / mean[b]) * sqrtf(column[b * by.columns + i % by.columns]));
}

// Σ u². u is made here to be measured and again to be applied: to keep it would take the memory of a second gradient.
static __global__ void scaled_squares_kernel(double *parts, const float *g, const float *row, const float *column,
                                             const float *mean, int64_t n, struct adafactor_numbers by) {
    __shared__ double shared[THREADS / WARP];
    double sum = 0;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += (int64_t)gridDim.x * THREADS) {
        float u = scaled(g, i, row, column, mean, by);
        sum += (double)u * u;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <typename M>
static __global__ void adafactor_kernel(float *p, M *momentum, const float *g, const float *row, const float *column,
                                        const float *mean, const double *squares, int64_t n,
                                        struct adafactor_numbers by) {
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    float divisor = fmaxf(1, (float)sqrt(*squares / (double)n) / by.threshold);
    float u = scaled(g, i, row, column, mean, by) / divisor;
    // What is applied is the momentum as it is kept, rounded where it is bf16.
    set(&momentum[i], by.beta1 * as_float(momentum[i]) + by.rest1 * u);
    p[i] = p[i] * by.decay - by.lr * as_float(momentum[i]);
}

// What one update leaves to its next kernels in the scratch memory.
struct adafactor_memory {
    double *squares, *parts; // [1], [PARTS]
    float *mean, *columns;   // [batch], [batch, parts of rows, columns]
};

static struct adafactor_memory take_memory(struct cuda_backend *cuda, const struct adafactor_step *step,
                                           unsigned row_parts) {
    size_t numbers = step->factored ? (size_t)step->batch * (1 + (size_t)row_parts * (size_t)step->columns) : 0;
    double *memory = (double *)cuda_scratch(cuda, (1 + PARTS) * sizeof(double) + numbers * sizeof(float));
    float *mean = (float *)(memory + 1 + PARTS);
    return (struct adafactor_memory){memory, memory + 1, mean, mean + step->batch};
}

// The stream keeps the order: parts before the columns that join them, rows before their mean. Columns are summed in
// parts of ROWS_A_PART rows, so that a matrix of few columns has blocks enough.
static void factored_moments(struct cuda_backend *cuda, float *row, float *column, const float *g,
                             const struct adafactor_step *step, const struct adafactor_numbers &by,
                             const struct adafactor_memory &memory, unsigned row_parts) {
    unsigned batch = (unsigned)step->batch, across = cuda_blocks(step->columns, THREADS);
    row_moments_kernel<<<batch *(unsigned)step->rows, THREADS, 0, cuda->stream>>>(row, g, by);
    CUDA_LAUNCHED();
    column_parts_kernel<<<dim3(across, row_parts, batch), THREADS, 0, cuda->stream>>>(memory.columns, g, by);
    CUDA_LAUNCHED();
    column_moments_kernel<<<dim3(across, batch), THREADS, 0, cuda->stream>>>(column, memory.columns, (int)row_parts,
                                                                             by);
    CUDA_LAUNCHED();
    row_mean_kernel<<<batch, THREADS, 0, cuda->stream>>>(memory.mean, row, step->rows);
    CUDA_LAUNCHED();
}

extern "C" void cuda_adafactor(struct ops *ops, float *p, void *momentum, float *row, float *column, const float *g,
                               const struct adafactor_step *step) {
    struct cuda_backend *cuda = cuda_of(ops);
    const struct adafactor_numbers by = {(float)(1 - step->lr * step->weight_decay),
                                         (float)step->lr,
                                         (float)step->beta1,
                                         (float)(1 - step->beta1),
                                         (float)step->beta2,
                                         (float)(1 - step->beta2),
                                         (float)step->clip_threshold,
                                         (float)step->gradient_scale,
                                         step->rows,
                                         step->columns};
    int64_t n = step->batch * step->rows * step->columns;
    unsigned row_parts = cuda_blocks(step->rows, ROWS_A_PART), blocks = cuda_blocks(n, THREADS);
    if (!n) return;
    struct adafactor_memory memory = take_memory(cuda, step, row_parts);
    const float *mean = step->factored ? memory.mean : nullptr;
    if (step->factored) {
        factored_moments(cuda, row, column, g, step, by, memory, row_parts);
    } else {
        all_moments_kernel<<<blocks, THREADS, 0, cuda->stream>>>(row, g, n, by);
        CUDA_LAUNCHED();
    }
    scaled_squares_kernel<<<parts_of(n), THREADS, 0, cuda->stream>>>(memory.parts, g, row, column, mean, n, by);
    CUDA_LAUNCHED();
    CUDA_CHECK(cudaMemsetAsync(memory.squares, 0, sizeof *memory.squares, cuda->stream));
    cuda_add_parts(cuda, memory.squares, memory.parts, parts_of(n));
    if (step->momentum_dtype == DT_BF16)
        adafactor_kernel<<<blocks, THREADS, 0, cuda->stream>>>(p, (bf16 *)momentum, g, row, column, mean,
                                                               memory.squares, n, by);
    else
        adafactor_kernel<<<blocks, THREADS, 0, cuda->stream>>>(p, (float *)momentum, g, row, column, mean,
                                                               memory.squares, n, by);
    CUDA_LAUNCHED();
}

static __global__ void accumulate_kernel(float *to, const float *from, int64_t n) {
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < n) to[i] += from[i];
}

extern "C" void cuda_accumulate(struct ops *ops, float *to, const float *from, int64_t n) {
    if (!n) return;
    accumulate_kernel<<<cuda_blocks(n, THREADS), THREADS, 0, cuda_of(ops)->stream>>>(to, from, n);
    CUDA_LAUNCHED();
}

static __global__ void moving_average_kernel(float *e, const float *p, float decay, float rest, int64_t n) {
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < n) e[i] = decay * e[i] + rest * p[i];
}

extern "C" void cuda_moving_average(struct ops *ops, float *e, const float *p, double decay, int64_t n) {
    if (!n) return;
    moving_average_kernel<<<cuda_blocks(n, THREADS), THREADS, 0, cuda_of(ops)->stream>>>(e, p, (float)decay,
                                                                                         (float)(1 - decay), n);
    CUDA_LAUNCHED();
}
