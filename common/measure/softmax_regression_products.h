// The products of softmax regression. Private to it.
#pragma once

#include <stdint.h>

enum { SOFTMAX_LANES = 8 };

// out[i,p] += Σ_k a(i,k)·b[k,p] for i < I, k < K, p < P, all f64; P is a multiple of SOFTMAX_LANES, b and out have rows
// of P. a(i,k) stands at a[i·row + k·column].
struct softmax_product {
    int64_t I, K, P;
    const double *a;
    int64_t row, column;
    const double *b;
    double *out;
};
void softmax_multiply(const struct softmax_product *product);
