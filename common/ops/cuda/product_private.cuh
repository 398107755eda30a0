// What product.cu, product_choice.cu and product_issue.cu share; each calls those behind it only.
#pragma once

#include <set>

#include "ops/cuda/choices.cuh"
#include "ops/cuda/product.cuh"

#define PRODUCT_WORKSPACE ((size_t)32 << 20) // bytes
#define PRODUCT_SUMS ((int64_t)1 << 18)      // that an epilogue makes at most
#define TRIALS 5                             // of an algorithm; the fastest counts

struct cuda_products {
    cublasLtHandle_t handle;
    void *workspace;
    float *sums;                     // what an epilogue leaves of them; [PRODUCT_SUMS]
    cudaEvent_t between[TRIALS + 1]; // trials
    struct choices choices;
    std::set<choice_key> checked; // what is chosen for them can be used
};

// ---- product_choice.cu

// NULL when cuBLASLt has none, or the sums are faster apart.
const cublasLtMatmulAlgo_t *product_algorithm(struct cuda_backend *cuda, const struct product *p,
                                              int64_t product::*rows);

// ---- product_issue.cu

void product_check(cublasStatus_t status, const char *call, const char *file, int line);
#define CUBLAS_CHECK(call) product_check((call), #call, __FILE__, __LINE__)

struct descriptors {
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t a, b, d;
};
void product_describe(struct cuda_backend *cuda, struct descriptors *of, const struct product *p);
void product_forget(struct descriptors *of);

// By this algorithm, sums included.
cublasStatus_t product_issue(struct cuda_backend *cuda, const struct product *p, const struct descriptors *of,
                             const cublasLtMatmulAlgo_t *algorithm);
// The same from the description on. False when the algorithm is NULL, or is not for this product after all.
bool product_run_by(struct cuda_backend *cuda, const struct product *p, const cublasLtMatmulAlgo_t *algorithm);
// By a kernel of its own, slowly; not for other epilogues than bias.
void product_run_plain(struct cuda_backend *cuda, const struct product *p);

// How many sums a product with sums makes, and the product without them.
int64_t product_sum_count(const struct product *p);
struct product product_without_sums(const struct product *p);
// A product with sums: first the product, by p->plain, then another pass for the sums.
void product_run_apart(struct cuda_backend *cuda, const struct product *p);
