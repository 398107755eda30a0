// Matrix products of tall and narrow matrices in f64: logits, and gradients of weights. One loop, compiled for each
// level of the instruction set; a tile of eight rows stays in registers while k runs, so each sum has one order at
// every place.
#include "measure/softmax_regression_products.h"

#include "base/isa.h"

enum { ROWS = 8 };

typedef double lanes __attribute__((vector_size(SOFTMAX_LANES * sizeof(double)), aligned(sizeof(double))));

#define INLINE static inline __attribute__((always_inline))

INLINE void multiply_tile(const struct softmax_product *m, int64_t i, int64_t p, const int rows) {
    lanes sum[ROWS];
    for (int r = 0; r < rows; r++) sum[r] = *(const lanes *)(m->out + (i + r) * m->P + p);
    for (int64_t k = 0; k < m->K; k++) {
        const lanes b = *(const lanes *)(m->b + k * m->P + p);
        const double *a = m->a + i * m->row + k * m->column;
        for (int r = 0; r < rows; r++) sum[r] += a[r * m->row] * b;
    }
    for (int r = 0; r < rows; r++) *(lanes *)(m->out + (i + r) * m->P + p) = sum[r];
}

INLINE void multiply(const struct softmax_product *m) {
    for (int64_t p = 0; p < m->P; p += SOFTMAX_LANES) {
        int64_t i = 0;
        for (; i + ROWS <= m->I; i += ROWS) multiply_tile(m, i, p, ROWS);
        for (; i < m->I; i++) multiply_tile(m, i, p, 1);
    }
}

__attribute__((target("arch=x86-64-v4"))) static void multiply_v4(const struct softmax_product *m) {
    multiply(m);
}
__attribute__((target("arch=x86-64-v3"))) static void multiply_v3(const struct softmax_product *m) {
    multiply(m);
}

void softmax_multiply(const struct softmax_product *product) {
    const enum isa limit = isa_limit();
    if (limit >= ISA_V4 && __builtin_cpu_supports("x86-64-v4"))
        multiply_v4(product);
    else if (limit >= ISA_V3 && __builtin_cpu_supports("x86-64-v3"))
        multiply_v3(product);
    else
        multiply(product);
}
