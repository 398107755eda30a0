// Matrix products by cuBLASLt. It counts columns first, so each matrix is given as its transpose: rows of our out[R,O]
// are columns of an O×R product, weight first.
#pragma once

#include <cublasLt.h>

#include "ops/cuda/device.cuh"

// One product D[m,n] = op(A)[m,k]·op(B)[k,n] + beta·C, then bias and epilogue, in cuBLASLt's terms.
struct product {
    bool turn_a, turn_b;
    int64_t m, n, k;
    const void *a, *b, *c;
    void *d;
    cudaDataType in, out; // of A and B, of C and D
    float beta;
    cublasLtEpilogue_t epilogue;
    const void *bias;                  // [m]
    void *aux;                         // [m,n] as D
    const cublasLtMatmulAlgo_t *plain; // of the same without sums; product_multiply sets it
    float *d_bias;                     // += the sums over k of A's rows (epilogue BGRADA) or B's columns (BGRADB)
};

// False when cuBLASLt has no algorithm for it. `rows` says which of the sizes counts rows of activations, and differs
// from call to call.
bool product_run(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows);
// The same by a plain kernel where cuBLASLt has none; not for other epilogues than bias and sums.
void product_multiply(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows);
