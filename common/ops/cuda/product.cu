// Runs products: by the algorithm that product_choice.cu names, or as product_issue.cu can where there is none. What
// all products of a device need is made here too. linear.cu says what is multiplied.
#include "ops/cuda/product_private.cuh"

struct cuda_products *cuda_products_new(int device) {
    struct cuda_products *products = new cuda_products();
    CUBLAS_CHECK(cublasLtCreate(&products->handle));
    choices_open(&products->choices, device);
    for (cudaEvent_t &event : products->between) CUDA_CHECK(cudaEventCreate(&event));
    CUDA_CHECK(cudaMalloc(&products->workspace, PRODUCT_WORKSPACE));
    CUDA_CHECK(cudaMalloc(&products->sums, PRODUCT_SUMS * sizeof(float)));
    return products;
}

void cuda_products_free(struct cuda_products *products) {
    cudaFree(products->sums);
    cudaFree(products->workspace);
    for (cudaEvent_t event : products->between) cudaEventDestroy(event);
    choices_close(&products->choices);
    cublasLtDestroy(products->handle);
    delete products;
}

bool product_run(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows) {
    return product_run_by(cuda, p, product_algorithm(cuda, p, rows));
}

static void multiply_and_sum(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows) {
    struct product with_sums = *p;
    const struct product plain = product_without_sums(p);
    with_sums.plain = product_algorithm(cuda, &plain, rows);
    if (product_sum_count(p) > PRODUCT_SUMS || !product_run(cuda, &with_sums, rows))
        product_run_apart(cuda, &with_sums);
}

void product_multiply(struct cuda_backend *cuda, const struct product *p, int64_t product::*rows) {
    if (p->d_bias)
        multiply_and_sum(cuda, p, rows);
    else if (!product_run(cuda, p, rows))
        product_run_plain(cuda, p);
}
