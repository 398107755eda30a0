// cuBLASLt on a CPU: products of f32 and bf16 with the epilogues that the backend asks for, and the demands on
// alignment that decide whether there is an algorithm.
#include "device.h"

#include <cublasLt.h>
#include <stdlib.h>

#include <vector>

namespace {

struct matmul {
    cublasOperation_t turn_a = CUBLAS_OP_N, turn_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    void *bias = nullptr, *aux = nullptr;
    int64_t aux_ld = 0;
};
struct layout {
    cudaDataType type;
    int64_t rows, columns, ld;
};
struct preference {
    uint32_t alignment = 256;
};

float read(const void *from, cudaDataType type, int64_t at) {
    return type == CUDA_R_32F ? ((const float *)from)[at] : __bfloat162float(((const __nv_bfloat16 *)from)[at]);
}
void write(void *to, cudaDataType type, int64_t at, float x) {
    if (type == CUDA_R_32F)
        ((float *)to)[at] = x;
    else
        ((__nv_bfloat16 *)to)[at] = __float2bfloat16(x);
}

// op(matrix) as [rows, columns] of floats, column after column.
std::vector<float> straight(const void *from, const layout &of, bool turned) {
    std::vector<float> to((size_t)(of.rows * of.columns));
    for (int64_t j = 0; j < of.columns; j++)
        for (int64_t i = 0; i < of.rows; i++)
            to[(size_t)(turned ? i * of.columns + j : j * of.rows + i)] = read(from, of.type, j * of.ld + i);
    return to;
}

// GELU by tanh, and its slope.
float inner(float x) {
    return tanhf(0.7978845608f * (x + 0.044715f * x * x * x));
}
float gelu(float x) {
    return 0.5f * x * (1 + inner(x));
}
float gelu_slope(float x) {
    float t = inner(x);
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * 0.7978845608f * (1 + 3 * 0.044715f * x * x);
}

bool has_bias(cublasLtEpilogue_t epilogue) {
    return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}
bool has_gelu(cublasLtEpilogue_t epilogue) {
    return epilogue == CUBLASLT_EPILOGUE_GELU_AUX || epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}
bool has_sums(cublasLtEpilogue_t epilogue) {
    return epilogue == CUBLASLT_EPILOGUE_BGRADA || epilogue == CUBLASLT_EPILOGUE_BGRADB;
}
bool may_sum(const matmul &by) {
    return by.epilogue == CUBLASLT_EPILOGUE_BGRADA ? by.turn_a == CUBLAS_OP_N : by.turn_b == CUBLAS_OP_T;
}

// One column of the result through the epilogue.
void finish(const matmul &by, const layout &d, void *to, int64_t j, std::vector<float> &column) {
    for (int64_t i = 0; i < d.rows; i++) {
        float x = column[(size_t)i];
        if (has_bias(by.epilogue)) x += read(by.bias, d.type, i);
        if (has_gelu(by.epilogue)) {
            write(by.aux, d.type, j * by.aux_ld + i, x);
            x = gelu(x);
        }
        if (by.epilogue == CUBLASLT_EPILOGUE_DGELU) x *= gelu_slope(read(by.aux, d.type, j * by.aux_ld + i));
        write(to, d.type, j * d.ld + i, x);
    }
}

// The sums over the depth of op(A), a number for each row of the result, or of op(B), one for each column.
void sum(const matmul &by, const std::vector<float> &a, const std::vector<float> &b, int64_t depth, cudaDataType type) {
    bool rows = by.epilogue == CUBLASLT_EPILOGUE_BGRADA;
    const std::vector<float> &of = rows ? a : b;
    int64_t n = (int64_t)of.size() / depth;
    for (int64_t i = 0; i < n; i++) {
        float total = 0;
        for (int64_t l = 0; l < depth; l++) total += of[(size_t)(rows ? l * n + i : i * depth + l)];
        write(by.bias, type, i, total);
    }
}

void multiply(const matmul &by, const layout &a_of, const layout &b_of, const layout &d_of, const void *a,
              const void *b, const void *c, void *d, float alpha, float beta) {
    bool turn_a = by.turn_a != CUBLAS_OP_N, turn_b = by.turn_b != CUBLAS_OP_N;
    const std::vector<float> left = straight(a, a_of, turn_a), right = straight(b, b_of, turn_b);
    int64_t m = d_of.rows, depth = turn_a ? a_of.rows : a_of.columns;
    for (int64_t j = 0; j < d_of.columns; j++) {
        std::vector<float> column((size_t)m);
        for (int64_t l = 0; l < depth; l++) {
            float x = right[(size_t)(j * depth + l)];
            for (int64_t i = 0; i < m; i++) column[(size_t)i] += left[(size_t)(l * m + i)] * x;
        }
        for (int64_t i = 0; i < m; i++)
            column[(size_t)i] =
                alpha * column[(size_t)i] + (beta != 0 ? beta * read(c, d_of.type, j * d_of.ld + i) : 0);
        finish(by, d_of, d, j, column);
    }
    if (has_sums(by.epilogue)) sum(by, left, right, depth, d_of.type);
}

matmul &of(cublasLtMatmulDesc_t desc) {
    return *(matmul *)desc;
}
layout &of(cublasLtMatrixLayout_t desc) {
    return *(layout *)desc;
}

} // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
    *handle = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) {
    return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion(void) {
    return 0;
}
const char *cublasLtGetStatusString(cublasStatus_t) {
    return "the stand-in refused a product";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t, cudaDataType_t) {
    *desc = (cublasLtMatmulDesc_t) new matmul();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
    delete &of(desc);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name,
                                              const void *value, size_t size) {
    void *to = nullptr;
    switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA: to = &of(desc).turn_a; break;
    case CUBLASLT_MATMUL_DESC_TRANSB: to = &of(desc).turn_b; break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE: to = &of(desc).epilogue; break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: to = &of(desc).bias; break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: to = &of(desc).aux; break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: to = &of(desc).aux_ld; break;
    default: return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    memcpy(to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *desc, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
    *desc = (cublasLtMatrixLayout_t) new layout{type, (int64_t)rows, (int64_t)columns, ld};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t desc) {
    delete &of(desc);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *desc) {
    *desc = (cublasLtMatmulPreference_t) new preference();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t desc) {
    delete (preference *)desc;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t desc,
                                                    cublasLtMatmulPreferenceAttributes_t name, const void *value,
                                                    size_t size) {
    if (name == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES) memcpy(&((preference *)desc)->alignment, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

// bf16 needs columns of whole words, a pre-activation columns of whole 16 bytes, and there are sums of bf16 alone, of
// an A as it is or a B that is turned. The first answer's number is 1.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t wanted, int most,
                                              cublasLtMatmulHeuristicResult_t *answer, int *count) {
    bool words = of(a).type == CUDA_R_32F || ((preference *)wanted)->alignment >= 4;
    bool aux = !of(desc).aux || of(desc).aux_ld * (of(d).type == CUDA_R_32F ? 4 : 2) % 16 == 0;
    bool sums = !has_sums(of(desc).epilogue) || (of(a).type == CUDA_R_16BF && may_sum(of(desc)));
    *count = words && aux && sums ? (most < 3 ? most : 3) : 0;
    for (int i = 0; i < *count; i++) {
        answer[i] = {};
        answer[i].algo.data[0] = (uint64_t)i + 1;
    }
    return *count ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulHeuristicResult_t *result) {
    result->workspaceSize = 0;
    return algorithm->data[0] ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t a_of, const void *b, cublasLtMatrixLayout_t b_of, const void *beta,
                              const void *c, cublasLtMatrixLayout_t, void *d, cublasLtMatrixLayout_t d_of,
                              const cublasLtMatmulAlgo_t *algorithm, void *, size_t, cudaStream_t stream) {
    if (!algorithm->data[0]) return CUBLAS_STATUS_INVALID_VALUE;
    stand_in::enqueue(stream,
                      [by = of(desc), a_is = of(a_of), b_is = of(b_of), d_is = of(d_of), x = *(const float *)alpha,
                       y = *(const float *)beta, a, b, c, d] { multiply(by, a_is, b_is, d_is, a, b, c, d, x, y); });
    return CUBLAS_STATUS_SUCCESS;
}

} // extern "C"
