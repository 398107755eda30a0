// What product.cu and product_choice.cu share.
#pragma once

#include <set>

#include "ops/cuda/choices.cuh"
#include "ops/cuda/product.cuh"

#define PRODUCT_WORKSPACE ((size_t)32 << 20) // bytes
#define TRIALS 5                             // of an algorithm; the fastest counts

struct cuda_products {
    cublasLtHandle_t handle;
    void *workspace;
    float *sums;                     // what an epilogue leaves of them; [PRODUCT_SUMS]
    cudaEvent_t between[TRIALS + 1]; // trials
    struct choices choices;
    std::set<choice_key> checked; // what is chosen for them can be used
};

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
// A product with sums: first the product, by p->plain, then another pass for the sums.
void product_run_apart(struct cuda_backend *cuda, const struct product *p);

// NULL when cuBLASLt has none, or the sums are faster apart.
const cublasLtMatmulAlgo_t *product_algorithm(struct cuda_backend *cuda, const struct product *p,
                                              int64_t product::*rows);
