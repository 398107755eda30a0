// Linear maps, by products of cuBLASLt (product.cu). What is fused with a product is said here: bias, residual (as C),
// GELU, and the sums that are the bias's gradient.
//
// cuBLASLt counts columns first, so our row-major X[R,C] is its C×R matrix, X turned. out[R,O] = in·Wᵀ turned is W·inᵀ:
// D of m = O by n = R, A the weight, B the input, which lies as inᵀ by itself. W as [O,I] lies turned and must be
// turned back (turn_a); as [I,O] it lies right. The gradient d_W[O,I] = d_outᵀ·in turned is inᵀ·d_out: A the input,
// which lies right, and B = d_out turned back; for [I,O] the two change places.
#include "ops/cuda/linear.cuh"
#include "ops/cuda/product.cuh"

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
    return {shape.R, shape.O, shape.I, shape.layout == WEIGHT_OUT_IN ? WEIGHT_IN_OUT : WEIGHT_OUT_IN, nullptr};
}

// The weight in the compute type: of bytes it is made here, for this product.
static const void *compute_weight(struct ops *ops, const void *weight, struct linear_shape shape) {
    if (!shape.scale) return weight;
    void *wide = cuda_scratch(cuda_of(ops), (size_t)(shape.O * shape.I) * dtype_size(ops->dtype));
    CUDA_COMPUTE_TYPE(ops, cuda_widen_weight(cuda_of(ops), (T *)wide, (const int8_t *)weight, shape));
    return wide;
}

// ---- operations

extern "C" void cuda_linear_forward(struct ops *ops, void *out, const void *in, const void *weight, const void *bias,
                                    const void *residual, struct linear_shape shape) {
    if (!shape.R) return;
    struct product p = map_product(ops, out, in, compute_weight(ops, weight, shape), bias, shape);
    p.c = residual;
    p.beta = residual ? 1 : 0;
    product_multiply(cuda_of(ops), &p, &product::n);
}

extern "C" void cuda_linear_backward_input(struct ops *ops, void *d_in, const void *d_out, const void *weight,
                                           struct linear_shape shape, bool accumulate) {
    if (!shape.R) return;
    struct product p = map_product(ops, d_in, d_out, weight, nullptr, reversed(shape));
    p.c = accumulate ? d_in : nullptr;
    p.beta = accumulate ? 1 : 0;
    product_multiply(cuda_of(ops), &p, &product::n);
}

// cuBLASLt's own GELU is the one by tanh, which differs from ours by less than bf16 can hold; its pre-activations (aux)
// must lie in columns of whole 16 bytes. Where it has no algorithm for the fused product, the plain product and a
// kernel behind it are issued.
static bool fuses(const struct ops *ops, int64_t width, enum activation activation) {
    return ops->dtype == DT_BF16 && activation == ACTIVATION_GELU && width % 8 == 0;
}

extern "C" void cuda_linear_activation_forward(struct ops *ops, void *out, void *pre, const void *in,
                                               const void *weight, const void *bias, struct linear_shape shape,
                                               enum activation activation) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!shape.R) return;
    weight = compute_weight(ops, weight, shape);
    struct product p = map_product(ops, out, in, weight, bias, shape);
    if (fuses(ops, shape.O, activation)) {
        p.epilogue = bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
        p.aux = pre;
        if (product_run(cuda, &p, &product::n)) return;
    }
    p = map_product(ops, pre, in, weight, bias, shape);
    product_multiply(cuda, &p, &product::n);
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
        if (product_run(cuda, &p, &product::n)) return;
        p.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
        p.aux = nullptr;
    }
    product_multiply(cuda, &p, &product::n);
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
    if (!shape.R) return;
    struct product p = gradient(ops, d_weight, d_out, in, shape);
    if (d_bias) p.epilogue = shape.layout == WEIGHT_OUT_IN ? CUBLASLT_EPILOGUE_BGRADB : CUBLASLT_EPILOGUE_BGRADA;
    p.d_bias = d_bias;
    product_multiply(cuda_of(ops), &p, &product::k);
}
