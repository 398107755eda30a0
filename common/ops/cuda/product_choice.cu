// Which algorithm: chosen once for each kind of product, with R rounded up, among the first answers of the heuristic by
// a short trial (choices.cuh), which also decides whether the product of a weight's gradient makes the bias's on the
// way. Reductions that add in any order are not allowed.
#include <math.h>
#include <string.h>

#include "ops/cuda/product_private.cuh"

#define ROW_BUCKET 256 // rows are rounded up to it where an algorithm is chosen
#define CANDIDATES 8   // answers that are tried

// The largest power of two up to 16 that all addresses and columns are multiples of, in bytes: the lowest bit that is
// set in any of them. Algorithms with wide loads want 16, so it is part of the key.
static int64_t alignment_of(const struct product *p) {
    int64_t in = p->in == CUDA_R_16BF ? 2 : 4, out = p->out == CUDA_R_16BF ? 2 : 4;
    uintptr_t all = (uintptr_t)p->a | (uintptr_t)p->b | (uintptr_t)p->c | (uintptr_t)p->d | (uintptr_t)p->aux |
                    (uintptr_t)p->bias | 16;
    all |= (uintptr_t)((p->turn_a ? p->k : p->m) * in) | (uintptr_t)((p->turn_b ? p->n : p->k) * in);
    all |= (uintptr_t)(p->m * out);
    return (int64_t)(all & -all);
}

static int64_t rounded(int64_t rows) {
    return (rows + ROW_BUCKET - 1) / ROW_BUCKET * ROW_BUCKET;
}

// The heuristic's answers; how many there are.
static int ask(struct cuda_backend *cuda, const struct product *p, int64_t alignment, int most,
               cublasLtMatmulHeuristicResult_t *answer) {
    cublasLtMatmulPreference_t preference;
    struct descriptors of;
    int count = 0;
    size_t workspace = PRODUCT_WORKSPACE;
    uint32_t bytes = (uint32_t)alignment;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    const struct {
        cublasLtMatmulPreferenceAttributes_t name;
        const void *value;
        size_t size;
    } wanted[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace},
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &bytes, sizeof bytes},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &bytes, sizeof bytes},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &bytes, sizeof bytes},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &bytes, sizeof bytes},
    };
    product_describe(cuda, &of, p);
    CUBLAS_CHECK(cublasLtMatmulPreferenceCreate(&preference));
    for (const auto &attribute : wanted)
        CUBLAS_CHECK(cublasLtMatmulPreferenceSetAttribute(preference, attribute.name, attribute.value, attribute.size));
    if (cublasLtMatmulAlgoGetHeuristic(cuda->products->handle, of.matmul, of.a, of.b, of.d, of.d, preference, most,
                                       answer, &count) != CUBLAS_STATUS_SUCCESS)
        count = 0;
    cublasLtMatmulPreferenceDestroy(preference);
    product_forget(&of);
    return count;
}

// Milliseconds of the fastest of a few runs, infinite when it does not run. Each is queued while the one before it
// runs, so that the time its launches take the CPU does not count.
template <typename Run> static float time_of(struct cuda_backend *cuda, const Run &run) {
    cudaEvent_t *between = cuda->products->between;
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

// Without a trial: none, where sums could be made on the way.
static cublasLtMatmulAlgo_t first_answer(const struct product *p, const cublasLtMatmulHeuristicResult_t *answer,
                                         int count) {
    return count && !p->d_bias ? answer[0].algo : cublasLtMatmulAlgo_t{};
}

// The fastest algorithm, or none where the product and its sums are faster apart.
static cublasLtMatmulAlgo_t fastest(struct cuda_backend *cuda, const struct product *p,
                                    const cublasLtMatmulHeuristicResult_t *answer, int count) {
    cublasLtMatmulAlgo_t best = answer[0].algo;
    struct descriptors of;
    float least = INFINITY;
    product_describe(cuda, &of, p);
    for (int i = 0; i < count; i++) {
        float took =
            time_of(cuda, [&] { return product_issue(cuda, p, &of, &answer[i].algo) == CUBLAS_STATUS_SUCCESS; });
        if (took < least) best = answer[i].algo;
        least = fminf(least, took);
    }
    product_forget(&of);
    if (p->d_bias && time_of(cuda, [&] { return product_run_apart(cuda, p), true; }) < least) best = {};
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
        if (cudaMalloc(&memory, bytes) != cudaSuccess) return cudaGetLastError(), first_answer(p, answer, count);
        trial.c = trial.d = memory;
        if (p->d_bias) trial.d_bias = (float *)memory;
    }
    cublasLtMatmulAlgo_t best = fastest(cuda, &trial, answer, count);
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    CUDA_CHECK(cudaFree(memory));
    return best;
}

// `rounded` is the product with its rows rounded up. The fastest is taken where it can be kept for later runs, which
// would find another else, and have other bits; elsewhere the first answer is, and sums are made apart.
static void choose(struct cuda_backend *cuda, const struct product *p, const struct product *rounded,
                   const choice_key &key, int64_t alignment, bool kept) {
    cublasLtMatmulHeuristicResult_t answer[CANDIDATES];
    struct choices *choices = &cuda->products->choices;
    int count = ask(cuda, rounded, alignment, kept ? CANDIDATES : 1, answer);
    const cublasLtMatmulAlgo_t first = first_answer(p, answer, count);
    cublasLtMatmulAlgo_t best = first;
    if (count && kept && (count > 1 || p->d_bias)) best = try_out(cuda, p, answer, count);
    if (count && kept && !choices_keep(choices, key, best)) best = first;
    choices_add(choices, key, best);
}

static bool is_none(const cublasLtMatmulAlgo_t *algorithm) {
    const cublasLtMatmulAlgo_t none = {};
    return memcmp(algorithm, &none, sizeof none) == 0;
}

// Whether an algorithm that was remembered can still be used.
static bool works(struct cuda_backend *cuda, const struct product *p, const cublasLtMatmulAlgo_t *algorithm) {
    cublasLtMatmulHeuristicResult_t result;
    struct descriptors of;
    if (is_none(algorithm)) return p->d_bias != nullptr;
    product_describe(cuda, &of, p);
    cublasStatus_t status =
        cublasLtMatmulAlgoCheck(cuda->products->handle, of.matmul, of.a, of.b, of.d, of.d, algorithm, &result);
    product_forget(&of);
    return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= PRODUCT_WORKSPACE;
}

// NULL when cuBLASLt has none, or the sums are faster apart. `rows` says which of the sizes counts rows of activations,
// and differs from call to call.
const cublasLtMatmulAlgo_t *product_algorithm(struct cuda_backend *cuda, const struct product *p,
                                              int64_t product::*rows) {
    struct cuda_products *products = cuda->products;
    struct choices *choices = &products->choices;
    struct product rounded_up = *p;
    int64_t alignment = alignment_of(p);
    rounded_up.*rows = rounded(p->*rows);
    const choice_key key = {{rounded_up.m, rounded_up.n, rounded_up.k, alignment, p->turn_a + 2 * p->turn_b,
                             (int64_t)p->in * 256 + p->out, p->epilogue,
                             p->beta == 0   ? 0
                             : p->c == p->d ? 2
                                            : 1}};
    if (products->checked.insert(key).second) {
        bool kept = choices_lock(choices);
        auto known = choices->known.find(key);
        if (known == choices->known.end() || !works(cuda, &rounded_up, &known->second))
            choose(cuda, p, &rounded_up, key, alignment, kept);
        choices_unlock(choices);
    }
    const cublasLtMatmulAlgo_t *algorithm = &choices->known.find(key)->second;
    return is_none(algorithm) ? nullptr : algorithm;
}
