// The ways to run one product: by an algorithm of cuBLASLt's that the caller has, by a kernel of its own, or with its
// sums apart. product_choice.cu tries them out, and product.cu runs what was chosen; nothing is chosen here.
//
// A product with sums (the weight's gradient, and the bias's beside it) is cuBLASLt's epilogue BGRADA or BGRADB, which
// overwrites: it goes to `sums` and is added from there. Where the two are faster apart, or there is no such algorithm,
// the sums are a pass of their own over the same operand.
#include "ops/cuda/linear.cuh"
#include "ops/cuda/product_private.cuh"

#define PLAIN_TILE 16 // of products that cuBLASLt has no algorithm for

void product_check(cublasStatus_t status, const char *call, const char *file, int line) {
    if (status != CUBLAS_STATUS_SUCCESS) cuda_failed(call, file, line, cublasLtGetStatusString(status));
}

// Layouts of A and B are those in memory, before op() turns them; C has D's. Columns lie close, so the leading
// dimension is the number of rows.
void product_describe(struct cuda_backend *cuda, struct descriptors *of, const struct product *p) {
    const void *bias = p->d_bias ? cuda->products->sums : p->bias;
    cublasOperation_t a = p->turn_a ? CUBLAS_OP_T : CUBLAS_OP_N, b = p->turn_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    CUBLAS_CHECK(cublasLtMatmulDescCreate(&of->matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a));
    CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b));
    CUBLAS_CHECK(
        cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE, &p->epilogue, sizeof p->epilogue));
    if (bias)
        CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
    if (p->aux) {
        CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &p->aux,
                                                    sizeof p->aux));
        CUBLAS_CHECK(
            cublasLtMatmulDescSetAttribute(of->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &p->m, sizeof p->m));
    }
    int64_t a_rows = p->turn_a ? p->k : p->m, b_rows = p->turn_b ? p->n : p->k;
    CUBLAS_CHECK(
        cublasLtMatrixLayoutCreate(&of->a, p->in, (uint64_t)a_rows, (uint64_t)(p->turn_a ? p->m : p->k), a_rows));
    CUBLAS_CHECK(
        cublasLtMatrixLayoutCreate(&of->b, p->in, (uint64_t)b_rows, (uint64_t)(p->turn_b ? p->k : p->n), b_rows));
    CUBLAS_CHECK(cublasLtMatrixLayoutCreate(&of->d, p->out, (uint64_t)p->m, (uint64_t)p->n, p->m));
}

void product_forget(struct descriptors *of) {
    cublasLtMatrixLayoutDestroy(of->d);
    cublasLtMatrixLayoutDestroy(of->b);
    cublasLtMatrixLayoutDestroy(of->a);
    cublasLtMatmulDescDestroy(of->matmul);
}

int64_t product_sum_count(const struct product *p) {
    return p->epilogue == CUBLASLT_EPILOGUE_BGRADA ? p->m : p->n;
}

cublasStatus_t product_issue(struct cuda_backend *cuda, const struct product *p, const struct descriptors *of,
                             const cublasLtMatmulAlgo_t *algorithm) {
    const float one = 1;
    struct cuda_products *products = cuda->products;
    cublasStatus_t status =
        cublasLtMatmul(products->handle, of->matmul, &one, p->a, of->a, p->b, of->b, &p->beta, p->c ? p->c : p->d,
                       of->d, p->d, of->d, algorithm, products->workspace, PRODUCT_WORKSPACE, cuda->stream);
    if (status == CUBLAS_STATUS_SUCCESS && p->d_bias)
        cuda_add_columns(cuda, p->d_bias, nullptr, products->sums, 1, product_sum_count(p));
    return status;
}

bool product_run_by(struct cuda_backend *cuda, const struct product *p, const cublasLtMatmulAlgo_t *algorithm) {
    struct descriptors of;
    if (!algorithm) return false;
    product_describe(cuda, &of, p);
    cublasStatus_t status = product_issue(cuda, p, &of, algorithm);
    product_forget(&of);
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

void product_run_plain(struct cuda_backend *cuda, const struct product *p) {
    dim3 blocks(cuda_blocks(p->m, PLAIN_TILE), cuda_blocks(p->n, PLAIN_TILE)), threads(PLAIN_TILE, PLAIN_TILE);
    if (p->in == CUDA_R_32F)
        plain_product_kernel<float, float><<<blocks, threads, 0, cuda->stream>>>(*p);
    else if (p->out == CUDA_R_32F)
        plain_product_kernel<bf16, float><<<blocks, threads, 0, cuda->stream>>>(*p);
    else
        plain_product_kernel<bf16, bf16><<<blocks, threads, 0, cuda->stream>>>(*p);
    CUDA_LAUNCHED();
}

struct product product_without_sums(const struct product *p) {
    struct product plain = *p;
    plain.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    plain.d_bias = nullptr;
    return plain;
}

void product_run_apart(struct cuda_backend *cuda, const struct product *p) {
    const void *summed = p->epilogue == CUBLASLT_EPILOGUE_BGRADA ? p->a : p->b; // [k, sum_count]
    const struct product plain = product_without_sums(p);
    if (!product_run_by(cuda, &plain, p->plain)) product_run_plain(cuda, &plain);
    if (p->in == CUDA_R_16BF)
        cuda_column_sums(cuda, p->d_bias, (const bf16 *)summed, p->k, product_sum_count(p));
    else
        cuda_column_sums(cuda, p->d_bias, (const float *)summed, p->k, product_sum_count(p));
}
