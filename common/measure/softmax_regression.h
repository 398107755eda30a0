// Softmax regression (multinomial logistic regression) on features, in f64: the objective of scikit-learn's
// LogisticRegression, Σ loss + |weights|²/(2·C), in which the intercepts are free. (Of two classes, as there, the
// weights in the penalty are the difference of the two.)
#pragma once

#include <stdint.h>

#include "measure/lbfgs.h"

struct softmax_sample {
    const float *feature; // [E], borrowed
    int64_t class;        // 0 to K−1
};

// E features, K classes. The parameters are f64 [E+1,stride]: a row a feature and a last one of intercepts, a column a
// class; columns from K on are 0 and stay so.
struct softmax_shape {
    int64_t E, K, stride;
};
struct softmax_shape softmax_shape(int64_t E, int64_t K);
int64_t softmax_parameters(const struct softmax_shape *shape); // how many numbers

// Adds the losses of N samples to *loss, and their gradients to gradient [E+1,stride]. `offset` [E], or NULL, is taken
// from every feature before. By one thread, samples in order.
void softmax_add(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                 const double *offset, const double *parameters, double *loss, double *gradient);

// rank [N]: the place of each sample's class, from 1; classes that are not less likely come before it.
void softmax_ranks(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                   const double *parameters, int64_t *rank);

// The minimum for this C, from the parameters given (zeros, or the minimum of a C nearby, which is faster), which it
// replaces. All cores work; the bits are the same for any number of them. The value is the objective over C·N: the mean
// loss and its share of the penalty. The tolerance is of that value's gradient where it is scaled to a curvature of
// about 1: half the gradient's square is about what the value is above its minimum.
struct lbfgs_result softmax_fit(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                                double C, double tolerance, int64_t limit, double *parameters);
