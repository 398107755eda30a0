// Linear maps by cuBLASLt. It counts columns first, so each matrix is given as its transpose: rows of our out[R,O] are
// columns of an O×R product, weight first.
//
// The algorithm is chosen once for each kind of product, with R rounded up, among the first answers of the heuristic by
// a short trial (choices.cuh), which also decides whether the product of a weight's gradient makes the bias's on the
// way. Reductions that add in any order are not allowed.
#include <math.h>
#include <string.h>

#include <set>

#include "ops/cuda/choices.cuh"
#include "ops/cuda/device.cuh"
#include "ops/cuda/linear.cuh"

#define ROW_BUCKET 256               // rows are rounded up to it where an algorithm is chosen
#define WORKSPACE ((size_t)32 << 20) // bytes
#define MOST_SUMS ((int64_t)1 << 18) // that an epilogue makes
#define CANDIDATES 8                 // answers that are tried
#define TRIALS 5                     // of each; the fastest counts
#define PLAIN_TILE 16                // of products that cuBLASLt has no algorithm for

// One product D[m,n] = op(A)[m,k]·op(B)[k,n] + beta·C, then bias and epilogue, in cuBLASLt's terms.
struct product {
    bool turn_a, turn_b;
    int64_t m, n, k;
    const void *a, *b, *c;
    void *d;
    cudaDataType in, out; // of A and B, of C and D
    float beta;
    cublasLtEpilogue_t epilogue;
    const void *bias;                  // [m]; or where BGRADA leaves its sums [m], and BGRADB its sums [n]
    void *aux;                         // [m,n] as D
    float *d_bias;                     // += the sums over k of A's rows (BGRADA) or B's columns (BGRADB)
    const cublasLtMatmulAlgo_t *plain; // for the product without those sums; NULL: plain_product
};

struct cuda_linear {
    cublasLtHandle_t handle;
    void *workspace;
    float *sums;                     // [MOST_SUMS]
    cudaEvent_t between[TRIALS + 1]; // trials
    struct choices choices;
    std::set<choice_key> checked; // what is chosen for them can be used
};

static void check(cublasStatus_t status, const char *call, int line) {
    if (status != CUBLAS_STATUS_SUCCESS) cuda_failed(call, __FILE__, line, cublasLtGetStatusString(status));
}
#define CHECK(call) check((call), #call, __LINE__)

struct cuda_linear *cuda_linear_new(int device) {
    struct cuda_linear *linear = new cuda_linear();
    CHECK(cublasLtCreate(&linear->handle));
    choices_open(&linear->choices, device);
    for (cudaEvent_t &event : linear->between) CUDA_CHECK(cudaEventCreate(&event));
    CUDA_CHECK(cudaMalloc(&linear->workspace, WORKSPACE));
    CUDA_CHECK(cudaMalloc(&linear->sums, MOST_SUMS * sizeof(float)));
    return linear;
}

void cuda_linear_free(struct cuda_linear *linear) {
    cudaFree(linear->sums);
    cudaFree(linear->workspace);
    for (cudaEvent_t event : linear->between) cudaEventDestroy(event);
    choices_close(&linear->choices);
    cublasLtDestroy(linear->handle);
    delete linear;
}

// ---- descriptors

struct descriptors {
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t a, b, d;
};

static void describe(struct descriptors *of, const struct product *p) {
    cublasOperation_t a = p->turn_a ? CUBLAS_OP_T : CUBLAS_OP_N, b = p->turn_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    CHECK(cublasLtMatmulDescCreate(&of->matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a));
    CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b));
    CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE, &p->epilogue, sizeof p->epilogue));
    if (p->bias)
        CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p->bias, sizeof p->bias));
    if (p->aux) {
        CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &p->aux,
                                             sizeof p->aux));
        CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &p->m, sizeof p->m));
    }
    int64_t a_rows = p->turn_a ? p->k : p->m, b_rows = p->turn_b ? p->n : p->k;
    CHECK(cublasLtMatrixLayoutCreate(&of->a, p->in, (uint64_t)a_rows, (uint64_t)(p->turn_a ? p->m : p->k), a_rows));
    CHECK(cublasLtMatrixLayoutCreate(&of->b, p->in, (uint64_t)b_rows, (uint64_t)(p->turn_b ? p->k : p->n), b_rows));
    CHECK(cublasLtMatrixLayoutCreate(&of->d, p->out, (uint64_t)p->m, (uint64_t)p->n, p->m));
}

static void forget(struct descriptors *of) {
    cublasLtMatrixLayoutDestroy(of->d);
    cublasLtMatrixLayoutDestroy(of->b);
    cublasLtMatrixLayoutDestroy(of->a);
    cublasLtMatmulDescDestroy(of->matmul);
}

// ---- the ways to run a product

static int64_t sum_count(const struct product *p) {
    return p->epilogue == CUBLASLT_EPILOGUE_BGRADA ? p->m : p->n;
}

static cublasStatus_t run_once(struct cuda_backend *cuda, const struct product *p, const struct descriptors *of,
                               const cublasLtMatmulAlgo_t *algorithm) {
    const float one = 1;
    struct cuda_linear *linear = cuda->linear;
    cublasStatus_t status =
        cublasLtMatmul(linear->handle, of->matmul, &one, p->a, of->a, p->b, of->b, &p->beta, p->c ? p->c : p->d, of->d,
                       p->d, of->d, algorithm, linear->workspace, WORKSPACE, cuda->stream);
    if (status == CUBLAS_STATUS_SUCCESS && p->d_bias)
        cuda_add_columns(cuda, p->d_bias, nullptr, (const float *)p->bias, 1, sum_count(p));
    return status;
}

// False when there is no algorithm, or it is not for this product after all.
static bool run_by(struct cuda_backend *cuda, const struct product *p, const cublasLtMatmulAlgo_t *algorithm) {
    struct descriptors of;
    if (!algorithm) return false;
    describe(&of, p);
    cublasStatus_t status = run_once(cuda, p, &of, algorithm);
    forget(&of);
    if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
        cuda_failed("cublasLtMatmul", __FILE__, __LINE__, cublasLtGetStatusString(status));
    return status == CUBLAS_STATUS_SUCCESS;
}

// The rare product of sizes for which there is no algorithm: a thread an element.
template <typename In, typename Out> static __global__ void plain_product_kernel(struct product p) {
    int64_t i = (int64_t)blockIdx.x * PLAIN_TILE + threadIdx.x, j = (int64_t)blockIdx.y * PLAIN_TILE + threadIdx.y;
    const In *a = (const In *)p.a, *b = (const In *)p.b;
    Out *d = (Out *)p.d;
    float sum = 0;
    if (i >= p.m || j >= p.n) return;
    for (int64_t l = 0; l < p.k; l++)
        sum += as_float(a[p.turn_a ? i * p.k + l : l * p.m + i]) * as_float(b[p.turn_b ? l * p.n + j : j * p.k + l]);
    if (p.bias) sum += as_float(((const In *)p.bias)[i]);
    if (p.beta != 0) sum += p.beta * as_float(((const Out *)p.c)[j * p.m + i]);
    set(&d[j * p.m + i], sum);
}

static void plain_product(struct cuda_backend *cuda, const struct product *p) {
    dim3 blocks(cuda_blocks(p->m, PLAIN_TILE), cuda_blocks(p->n, PLAIN_TILE)), threads(PLAIN_TILE, PLAIN_TILE);
    if (p->in == CUDA_R_32F)
        plain_product_kernel<float, float><<<blocks, threads, 0, cuda->stream>>>(*p);
    else if (p->out == CUDA_R_32F)
        plain_product_kernel<bf16, float><<<blocks, threads, 0, cuda->stream>>>(*p);
    else
        plain_product_kernel<bf16, bf16><<<blocks, threads, 0, cuda->stream>>>(*p);
    CUDA_LAUNCHED();
}

// The product and its sums, one after the other.
static void run_apart(struct cuda_backend *cuda, const struct product *p) {
    const void *summed = p->epilogue == CUBLASLT_EPILOGUE_BGRADA ? p->a : p->b; // [k, sum_count]
    struct product plain = *p;
    plain.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    plain.bias = nullptr;
    plain.d_bias = nullptr;
    if (!run_by(cuda, &plain, p->plain)) plain_product(cuda, &plain);
    if (p->in == CUDA_R_16BF)
        cuda_column_sums(cuda, p->d_bias, (const bf16 *)summed, p->k, sum_count(p));
    else
        cuda_column_sums(cuda, p->d_bias, (const float *)summed, p->k, sum_count(p));
}

// ---- the choice of an algorithm

// The largest power of two up to 16 that all addresses and columns are multiples of, in bytes.
static int64_t alignment_of(const struct product *p) {
    int64_t in = p->in == CUDA_R_16BF ? 2 : 4, out = p->out == CUDA_R_16BF ? 2 : 4;
    uintptr_t all = (uintptr_t)p->a | (uintptr_t)p->b | (uintptr_t)p->c | (uintptr_t)p->d | (uintptr_t)p->aux | 16;
    all |= (uintptr_t)((p->turn_a ? p->k : p->m) * in) | (uintptr_t)((p->turn_b ? p->n : p->k) * in);
    all |= (uintptr_t)(p->m * out);
    return (int64_t)(all & -all);
}

static int64_t rounded(int64_t rows) {
    return (rows + ROW_BUCKET - 1) / ROW_BUCKET * ROW_BUCKET;
}

// The heuristic's answers; how many there are.
static int ask(struct cuda_linear *linear, const struct product *p, int64_t alignment, int most,
               cublasLtMatmulHeuristicResult_t *answer) {
    cublasLtMatmulPreference_t preference;
    struct descriptors of;
    int count = 0;
    size_t workspace = WORKSPACE;
    uint32_t bytes = (uint32_t)alignment;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    const struct {
        cublasLtMatmulPreferenceAttributes_t name;
        const void *value;
        size_t size;
    } wanted[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,   &workspace,  sizeof workspace },
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &bytes,      sizeof bytes     },
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &bytes,      sizeof bytes     },
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &bytes,      sizeof bytes     },
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &bytes,      sizeof bytes     },
    };
    describe(&of, p);
    CHECK(cublasLtMatmulPreferenceCreate(&preference));
    for (const auto &attribute : wanted)
        CHECK(cublasLtMatmulPreferenceSetAttribute(preference, attribute.name, attribute.value, attribute.size));
    if (cublasLtMatmulAlgoGetHeuristic(linear->handle, of.matmul, of.a, of.b, of.d, of.d, preference, most, answer,
                                       &count) != CUBLAS_STATUS_SUCCESS)
        count = 0;
    cublasLtMatmulPreferenceDestroy(preference);
    forget(&of);
    return count;
}

// Milliseconds of the fastest of a few runs, infinite when it does not run. Each is queued while the one before it
// runs, so that the time its launches take the CPU does not count.
template <typename Run> static float time_of(struct cuda_backend *cuda, const Run &run) {
    cudaEvent_t *between = cuda->linear->between;
    float least = INFINITY, took;
    if (!run()) return least;
    CUDA_CHECK(cudaEventRecord(between[0], cuda->stream));
    for (int i = 0; i < TRIALS; i++) {
        run();
        CUDA_CHECK(cudaEventRecord(between[i + 1], cuda->stream));
    }
    CUDA_CHECK(cudaEventSynchronize(between[TRIALS]));
    for (int i = 0; i < TRIALS; i++) {
        CUDA_CHECK(cudaEventElapsedTime(&took, between[i], between[i + 1]));
        least = fminf(least, took);
    }
    return least;
}

// The fastest algorithm, or none where the product and its sums are faster apart.
static cublasLtMatmulAlgo_t fastest(struct cuda_backend *cuda, const struct product *p,
                                    const cublasLtMatmulHeuristicResult_t *answer, int count) {
    cublasLtMatmulAlgo_t best = answer[0].algo;
    struct descriptors of;
    float least = INFINITY;
    describe(&of, p);
    for (int i = 0; i < count; i++) {
        float took = time_of(cuda, [&] { return run_once(cuda, p, &of, &answer[i].algo) == CUBLAS_STATUS_SUCCESS; });
        if (took < least) best = answer[i].algo;
        least = fminf(least, took);
    }
    forget(&of);
    if (p->d_bias && time_of(cuda, [&] { return run_apart(cuda, p), true; }) < least) best = {};
    return best;
}

// Trials write to memory of their own where the product adds to what is there; nobody reads it, so the sums may go to
// the same place.
static cublasLtMatmulAlgo_t try_out(struct cuda_backend *cuda, const struct product *p,
                                    const cublasLtMatmulHeuristicResult_t *answer, int count) {
    struct product trial = *p;
    void *memory = nullptr;
    if (p->c == p->d) {
        size_t bytes = (size_t)(p->m * p->n) * (p->out == CUDA_R_16BF ? 2 : 4);
        if (cudaMalloc(&memory, bytes) != cudaSuccess) return cudaGetLastError(), answer[0].algo;
        trial.c = trial.d = memory;
        if (p->d_bias) trial.d_bias = (float *)memory;
    }
    cublasLtMatmulAlgo_t best = fastest(cuda, &trial, answer, count);
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    CUDA_CHECK(cudaFree(memory));
    return best;
}

// `rounded` is the product with its rows rounded up. The fastest is taken where it can be kept for later runs, which
// would find another else, and have other bits.
static void choose(struct cuda_backend *cuda, const struct product *p, const struct product *rounded,
                   const choice_key &key, int64_t alignment, bool kept) {
    cublasLtMatmulHeuristicResult_t answer[CANDIDATES];
    struct choices *choices = &cuda->linear->choices;
    cublasLtMatmulAlgo_t best = {};
    int count = ask(cuda->linear, rounded, alignment, kept ? CANDIDATES : 1, answer);
    if (count) {
        bool tried = kept && (count > 1 || p->d_bias);
        best = tried ? try_out(cuda, p, answer, count) : answer[0].algo;
        if (kept && !choices_keep(choices, key, best)) best = answer[0].algo;
    }
    choices_add(choices, key, best);
}

static bool is_none(const cublasLtMatmulAlgo_t *algorithm) {
    const cublasLtMatmulAlgo_t none = {};
    return memcmp(algorithm, &none, sizeof none) == 0;
}

// Whether an algorithm that was remembered can still be used.
static bool works(struct cuda_linear *linear, const struct product *p, const cublasLtMatmulAlgo_t *algorithm) {
    cublasLtMatmulHeuristicResult_t result;
    struct descriptors of;
    if (is_none(algorithm)) return p->d_bias != nullptr;
    describe(&of, p);
    cublasStatus_t status =
        cublasLtMatmulAlgoCheck(linear->handle, of.matmul, of.a, of.b, of.d, of.d, algorithm, &result);
    forget(&of);
    return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= WORKSPACE;
}

// NULL when cuBLASLt has none, or the sums are faster apart. `rows` says which of the sizes counts rows of activations,
// and differs from call to call.
static const cublasLtMatmulAlgo_t *find_algorithm(struct cuda_backend *cuda, const struct product *p,
                                                  int64_t product::*rows) {
    struct cuda_linear *linear = cuda->linear;
    struct choices *choices = &linear->choices;
    struct product rounded_up = *p;
    int64_t alignment = alignment_of(p);
    rounded_up.*rows = rounded(p->*rows);
    const choice_key key = {
        {rounded_up.m, rounded_up.n, rounded_up.k, alignment, p->turn_a + 2 * p->turn_b, (int64_t)p->in * 256 + p->out,
         p->epilogue,
         p->beta == 0   ? 0
         : p->c == p->d ? 2
                        : 1}
    };
    if (linear->checked.insert(key).second) {
        bool kept = choices_lock(choices);
        auto known = choices->known.find(key);
        if (known == choices->known.end() || !works(linear, &rounded_up, &known->second))
            choose(cuda, p, &rounded_up, key, alignment, kept);
        choices_unlock(choices);
    }
    const cublasLtMatmulAlgo_t *algorithm = &choices->known.find(key)->second;
    return is_none(algorithm) ? nullptr : algorithm;
}

// False when cuBLASLt is not to run it.
static bool run(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows) {
    return run_by(cuda, p, find_algorithm(cuda, p, rows));
}

static void multiply(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows) {
    if (!run(cuda, p, rows)) plain_product(cuda, p);
}

static cudaDataType type_of(const struct ops *ops) {
    return ops->dtype == DT_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

// out[R,O] = in·Wᵀ.
static struct product map_product(const struct ops *ops, void *out, const void *in, const void *weight,
                                  const void *bias, struct linear_shape shape) {
    struct product p = {};
    p.turn_a = shape.layout == WEIGHT_OUT_IN;
    p.m = shape.O;
    p.n = shape.R;
    p.k = shape.I;
    p.a = weight;
    p.b = in;
    p.d = out;
    p.in = p.out = type_of(ops);
    p.epilogue = bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    p.bias = bias;
    return p;
}

// The map of d_out[R,O] to d_in[R,I] = d_out·W, by the same weight.
static struct linear_shape reversed(struct linear_shape shape) {
    return {shape.R, shape.O, shape.I, shape.layout == WEIGHT_OUT_IN ? WEIGHT_IN_OUT : WEIGHT_OUT_IN};
}

// ---- operations

extern "C" void cuda_linear_forward(struct ops *ops, void *out, const void *in, const void *weight, const void *bias,
                                    const void *residual, struct linear_shape shape) {
    if (!shape.R) return;
    struct product p = map_product(ops, out, in, weight, bias, shape);
    p.c = residual;
    p.beta = residual ? 1 : 0;
    multiply(cuda_of(ops), &p, &product::n);
}

extern "C" void cuda_linear_backward_input(struct ops *ops, void *d_in, const void *d_out, const void *weight,
                                           struct linear_shape shape, bool accumulate) {
    if (!shape.R) return;
    struct product p = map_product(ops, d_in, d_out, weight, nullptr, reversed(shape));
    p.c = accumulate ? d_in : nullptr;
    p.beta = accumulate ? 1 : 0;
    multiply(cuda_of(ops), &p, &product::n);
}

// cuBLASLt's own GELU is the one by tanh, which differs from ours by less than bf16 can hold; its pre-activations
// (aux) must lie in columns of whole 16 bytes.
static bool fuses(const struct ops *ops, int64_t width, enum activation activation) {
    return ops->dtype == DT_BF16 && activation == ACTIVATION_GELU && width % 8 == 0;
}

extern "C" void cuda_linear_activation_forward(struct ops *ops, void *out, void *pre, const void *in,
                                               const void *weight, const void *bias, struct linear_shape shape,
                                               enum activation activation) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!shape.R) return;
    struct product p = map_product(ops, out, in, weight, bias, shape);
    if (fuses(ops, shape.O, activation)) {
        p.epilogue = bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
        p.aux = pre;
        if (run(cuda, &p, &product::n)) return;
    }
    p = map_product(ops, pre, in, weight, bias, shape);
    multiply(cuda, &p, &product::n);
    CUDA_COMPUTE_TYPE(ops, cuda_activate(cuda, (T *)out, (const T *)pre, shape.R * shape.O, activation));
}

extern "C" void cuda_linear_activation_backward_input(struct ops *ops, void *d_pre, const void *d_out,
                                                      const void *weight, const void *pre, struct linear_shape shape,
                                                      enum activation activation) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!shape.R) return;
    struct product p = map_product(ops, d_pre, d_out, weight, nullptr, reversed(shape));
    if (fuses(ops, shape.I, activation)) {
        p.epilogue = CUBLASLT_EPILOGUE_DGELU;
        p.aux = (void *)pre;
        if (run(cuda, &p, &product::n)) return;
        p.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
        p.aux = nullptr;
    }
    multiply(cuda, &p, &product::n);
    CUDA_COMPUTE_TYPE(ops, cuda_slope(cuda, (T *)d_pre, (const T *)pre, shape.R * shape.I, activation));
}

// d_weight += d_outᵀ·in, in the weight's layout.
static struct product gradient(const struct ops *ops, float *d_weight, const void *d_out, const void *in,
                               struct linear_shape shape) {
    bool out_in = shape.layout == WEIGHT_OUT_IN;
    struct product p = {};
    p.turn_b = true;
    p.m = out_in ? shape.I : shape.O;
    p.n = out_in ? shape.O : shape.I;
    p.k = shape.R;
    p.a = out_in ? in : d_out;
    p.b = out_in ? d_out : in;
    p.c = p.d = d_weight;
    p.beta = 1;
    p.in = type_of(ops);
    p.out = CUDA_R_32F;
    p.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    return p;
}

extern "C" void cuda_linear_backward_weight(struct ops *ops, float *d_weight, float *d_bias, const void *d_out,
                                            const void *in, struct linear_shape shape) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!shape.R) return;
    struct product p = gradient(ops, d_weight, d_out, in, shape);
    if (!d_bias) return multiply(cuda, &p, &product::k);
    p.plain = find_algorithm(cuda, &p, &product::k);
    p.epilogue = shape.layout == WEIGHT_OUT_IN ? CUBLASLT_EPILOGUE_BGRADB : CUBLASLT_EPILOGUE_BGRADA;
    p.bias = cuda->linear->sums;
    p.d_bias = d_bias;
    if (shape.O > MOST_SUMS || !run(cuda, &p, &product::k)) run_apart(cuda, &p);
}
