// Embeddings vary much more in some directions than in others, and L-BFGS takes an iteration for about every one that
// it has to find out. The curvature at even probabilities is known: the features' covariance over the number of
// classes, and the penalty. Its Cholesky factor makes coordinates in which that is 1 everywhere: some tens of
// iterations instead of thousands. It only guides the search, so the covariance of a part of the samples will do.
#include "measure/softmax_regression_scale.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "measure/softmax_regression_products.h"

enum { BLOCK = 64, SAMPLES_LEAST = 1024, SAMPLES_PER_FEATURE = 4 };

// Where features repeat each other the covariance is singular but for this share of its mean.
static const double floor_share = 1e-10;

static int64_t row_length(int64_t E) {
    return (E + SOFTMAX_LANES - 1) / SOFTMAX_LANES * SOFTMAX_LANES;
}

// Σ x·xᵀ, [E,row_length], of `count` samples evenly spread; x [BLOCK,row_length] is scratch, zeros at first.
static void add_products(double *sum, double *x, int64_t E, const struct softmax_sample *sample, int64_t N,
                         int64_t count, const double *mean) {
    const int64_t P = row_length(E);
    for (int64_t first = 0; first < count; first += BLOCK) {
        const int64_t rows = count - first < BLOCK ? count - first : BLOCK;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t e = 0; e < E; e++) x[i * P + e] = sample[(first + i) * N / count].feature[e] - mean[e];
        softmax_multiply(&(struct softmax_product){E, rows, P, x, 1, P, x, sum});
    }
}

// The Cholesky factor of `matrix` [E,E], in place of its lower triangle.
static void factorise(double *matrix, int64_t E, double least) {
    for (int64_t i = 0; i < E; i++) {
        double *row = matrix + i * E;
        for (int64_t j = 0; j <= i; j++) {
            const double *other = matrix + j * E;
            double sum = row[j];
            for (int64_t k = 0; k < j; k++) sum -= row[k] * other[k];
            row[j] = j < i ? sum / other[j] : sqrt(fmax(sum, least));
        }
    }
}

struct softmax_scale softmax_scale_new(const struct softmax_shape *shape, const struct softmax_sample *sample,
                                       int64_t N, const double *mean, double ridge) {
    const int64_t E = shape->E, P = row_length(E), most = SAMPLES_LEAST + SAMPLES_PER_FEATURE * E;
    const int64_t count = N < most ? N : most;
    struct softmax_scale scale = {*shape, xcalloc((size_t)(E * E), sizeof(double)), sqrt(1 / (double)shape->K)};
    double *sum = xcalloc((size_t)(E * P), sizeof *sum), *x = xcalloc((size_t)(BLOCK * P), sizeof *x), trace = 0;
    const double share = 1 / (double)(count * shape->K);
    add_products(sum, x, E, sample, N, count, mean);
    for (int64_t e = 0; e < E; e++) trace += share * sum[e * P + e];
    const double least = ridge + floor_share * trace / (double)E;
    for (int64_t e = 0; e < E; e++)
        for (int64_t f = 0; f < E; f++) scale.factor[e * E + f] = share * sum[e * P + f] + (e == f ? least : 0);
    factorise(scale.factor, E, least);
    free(sum);
    free(x);
    return scale;
}

void softmax_scale_release(struct softmax_scale *scale) {
    free(scale->factor);
    *scale = (struct softmax_scale){0};
}

static void scale_row(double *row, double factor, int64_t P) {
    for (int64_t p = 0; p < P; p++) row[p] *= factor;
}

static void add_row(double *to, double factor, const double *from, int64_t P) {
    for (int64_t p = 0; p < P; p++) to[p] += factor * from[p];
}

// factorᵀ·parameters. Row e needs later rows alone.
void softmax_scale_enter(const struct softmax_scale *scale, double *x) {
    const int64_t E = scale->shape.E, P = scale->shape.stride;
    for (int64_t e = 0; e < E; e++) {
        scale_row(x + e * P, scale->factor[e * E + e], P);
        for (int64_t f = e + 1; f < E; f++) add_row(x + e * P, scale->factor[f * E + e], x + f * P, P);
    }
    scale_row(x + E * P, scale->intercept, P);
}

// The solution of factorᵀ·parameters = coordinates, last row first.
void softmax_scale_leave(const struct softmax_scale *scale, double *x) {
    const int64_t E = scale->shape.E, P = scale->shape.stride;
    for (int64_t e = E - 1; e >= 0; e--) {
        const double *row = scale->factor + e * E;
        scale_row(x + e * P, 1 / row[e], P);
        for (int64_t f = 0; f < e; f++) add_row(x + f * P, -row[f], x + e * P, P);
    }
    scale_row(x + E * P, 1 / scale->intercept, P);
}

// The solution of factor·result = gradient, first row first.
void softmax_scale_gradient(const struct softmax_scale *scale, double *x) {
    const int64_t E = scale->shape.E, P = scale->shape.stride;
    for (int64_t e = 0; e < E; e++) {
        const double *row = scale->factor + e * E;
        for (int64_t f = 0; f < e; f++) add_row(x + e * P, -row[f], x + f * P, P);
        scale_row(x + e * P, 1 / row[e], P);
    }
    scale_row(x + E * P, 1 / scale->intercept, P);
}
