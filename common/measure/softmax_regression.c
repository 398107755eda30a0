// Softmax regression for linear probes: samples go by in blocks that fit a core's cache, which are made f64 once and
// then used twice, for logits and for the gradient. A fit divides the samples into parts, always as many, whose sums
// are joined in the parts' order: so threads may take them as they come.
#include "measure/softmax_regression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "measure/softmax_regression_products.h"
#include "measure/softmax_regression_scale.h"

enum { BLOCK = 32, PARTS = 16 };

struct softmax_shape softmax_shape(int64_t E, int64_t K) {
    return (struct softmax_shape){E, K, (K + SOFTMAX_LANES - 1) / SOFTMAX_LANES * SOFTMAX_LANES};
}

int64_t softmax_parameters(const struct softmax_shape *shape) {
    return (shape->E + 1) * shape->stride;
}

// Of at most BLOCK samples.
struct block {
    int64_t count;
    double *x; // [BLOCK,E]
    double *z; // [BLOCK,stride]: logits, then probabilities less the truth
};

static struct block block_new(const struct softmax_shape *shape) {
    return (struct block){.x = xmalloc(BLOCK * (size_t)shape->E * sizeof(double)),
                          .z = xmalloc(BLOCK * (size_t)shape->stride * sizeof(double))};
}

static void block_release(struct block *block) {
    free(block->x);
    free(block->z);
}

static void block_read(struct block *block, const struct softmax_shape *shape, const struct softmax_sample *sample,
                       int64_t left, const double *offset) {
    const int64_t E = shape->E;
    block->count = left < BLOCK ? left : BLOCK;
    for (int64_t i = 0; i < block->count; i++)
        for (int64_t e = 0; e < E; e++) block->x[i * E + e] = sample[i].feature[e] - (offset ? offset[e] : 0);
}

static void block_logits(struct block *block, const struct softmax_shape *shape, const double *parameters) {
    const int64_t E = shape->E, P = shape->stride;
    for (int64_t i = 0; i < block->count; i++)
        for (int64_t p = 0; p < P; p++) block->z[i * P + p] = parameters[E * P + p];
    softmax_multiply(&(struct softmax_product){block->count, E, P, block->x, E, 1, parameters, block->z});
}

// From logits z [K] to their gradient; columns from K on become 0. Returns the loss.
static double derive(const struct softmax_shape *shape, double *z, int64_t class) {
    double most = z[0], sum = 0;
    for (int64_t k = 1; k < shape->K; k++) most = fmax(most, z[k]);
    const double own = z[class] - most;
    for (int64_t k = 0; k < shape->K; k++) sum += z[k] = exp(z[k] - most);
    for (int64_t k = 0; k < shape->K; k++) z[k] /= sum;
    for (int64_t k = shape->K; k < shape->stride; k++) z[k] = 0;
    z[class] -= 1;
    return log(sum) - own;
}

static void block_gradient(const struct block *block, const struct softmax_shape *shape, double *gradient) {
    const int64_t E = shape->E, P = shape->stride;
    softmax_multiply(&(struct softmax_product){E, block->count, P, block->x, 1, E, block->z, gradient});
    for (int64_t i = 0; i < block->count; i++)
        for (int64_t p = 0; p < P; p++) gradient[E * P + p] += block->z[i * P + p];
}

void softmax_add(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                 const double *offset, const double *parameters, double *loss, double *gradient) {
    struct block block = block_new(shape);
    for (int64_t first = 0; first < N; first += BLOCK) {
        block_read(&block, shape, sample + first, N - first, offset);
        block_logits(&block, shape, parameters);
        for (int64_t i = 0; i < block.count; i++)
            *loss += derive(shape, block.z + i * shape->stride, sample[first + i].class);
        block_gradient(&block, shape, gradient);
    }
    block_release(&block);
}

static int64_t rank_of(const double *z, int64_t K, int64_t class) {
    int64_t rank = 1;
    for (int64_t k = 0; k < K; k++) rank += k != class && !(z[k] < z[class]);
    return rank;
}

void softmax_ranks(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                   const double *parameters, int64_t *rank) {
    struct block block = block_new(shape);
    for (int64_t first = 0; first < N; first += BLOCK) {
        block_read(&block, shape, sample + first, N - first, NULL);
        block_logits(&block, shape, parameters);
        for (int64_t i = 0; i < block.count; i++)
            rank[first + i] = rank_of(block.z + i * shape->stride, shape->K, sample[first + i].class);
    }
    block_release(&block);
}

struct fit {
    const struct softmax_shape *shape;
    const struct softmax_sample *sample;
    int64_t N, parameters;
    double strength; // of the penalty: strength·|weights|²/2
    double *mean;    // [E]
    struct softmax_scale scale;
    double *at;   // [parameters]: where the objective is asked for
    double *part; // [PARTS,parameters]: gradients
};

// The sums of every part, each by one thread.
static void add_parts(const struct fit *fit, const double *parameters, double loss[PARTS]) {
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < PARTS; i++) {
        const int64_t begin = fit->N * i / PARTS, end = fit->N * (i + 1) / PARTS;
        double *gradient = fit->part + i * fit->parameters;
        for (int64_t j = 0; j < fit->parameters; j++) gradient[j] = 0;
        loss[i] = 0;
        softmax_add(fit->shape, fit->sample + begin, end - begin, fit->mean, parameters, &loss[i], gradient);
    }
}

// The objective and its gradient, both by parameters.
static double add_up(const struct fit *fit, const double *parameters, double *gradient) {
    const int64_t weights = fit->shape->E * fit->shape->stride;
    const double share = 1 / (double)fit->N, penalty = share * fit->strength;
    double loss[PARTS], sum = 0, squares = 0;
    add_parts(fit, parameters, loss);
    for (int i = 0; i < PARTS; i++) sum += loss[i];
    for (int64_t j = 0; j < fit->parameters; j++) {
        double joined = 0;
        for (int i = 0; i < PARTS; i++) joined += fit->part[i * fit->parameters + j];
        gradient[j] = joined * share + (j < weights ? penalty * parameters[j] : 0);
        squares += j < weights ? parameters[j] * parameters[j] : 0;
    }
    return sum * share + penalty * squares / 2;
}

static double evaluate(const void *context, const double *coordinates, double *gradient) {
    const struct fit *fit = context;
    memcpy(fit->at, coordinates, (size_t)fit->parameters * sizeof *fit->at);
    softmax_scale_leave(&fit->scale, fit->at);
    const double value = add_up(fit, fit->at, gradient);
    softmax_scale_gradient(&fit->scale, gradient);
    return value;
}

static void find_mean(const struct fit *fit) {
    for (int64_t e = 0; e < fit->shape->E; e++) fit->mean[e] = 0;
    for (int64_t i = 0; i < fit->N; i++)
        for (int64_t e = 0; e < fit->shape->E; e++) fit->mean[e] += fit->sample[i].feature[e];
    for (int64_t e = 0; e < fit->shape->E; e++) fit->mean[e] /= (double)fit->N;
}

// intercepts += sign · mean·weights
static void shift_intercepts(const struct fit *fit, double sign, double *parameters) {
    const int64_t P = fit->shape->stride;
    double *intercept = parameters + fit->shape->E * P;
    for (int64_t e = 0; e < fit->shape->E; e++)
        for (int64_t p = 0; p < P; p++) intercept[p] += sign * fit->mean[e] * parameters[e * P + p];
}

// Two classes are one sigmoid to scikit-learn, whose weights are the difference of the two columns here. These are each
// other's opposites at the minimum: so their difference has twice the square of both.
static double strength(const struct softmax_shape *shape, double C) {
    return (shape->K == 2 ? 2 : 1) / C;
}

// Features are centred for the search: embeddings share a direction, which would couple all weights with the
// intercepts. Since these are free, the minimum is the same, with other intercepts.
struct lbfgs_result softmax_fit(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                                double C, double tolerance, int64_t limit, double *parameters) {
    struct fit fit = {.shape = shape,
                      .sample = sample,
                      .N = N,
                      .parameters = softmax_parameters(shape),
                      .strength = strength(shape, C)};
    const struct lbfgs_function function = {fit.parameters, evaluate, &fit};
    fit.mean = xmalloc((size_t)shape->E * sizeof *fit.mean);
    fit.at = xmalloc((size_t)fit.parameters * sizeof *fit.at);
    fit.part = xcalloc((size_t)fit.parameters, PARTS * sizeof *fit.part);
    find_mean(&fit);
    fit.scale = softmax_scale_new(shape, sample, N, fit.mean, fit.strength / (double)N);
    shift_intercepts(&fit, 1, parameters);
    softmax_scale_enter(&fit.scale, parameters);
    const struct lbfgs_result result = lbfgs_minimise(&function, parameters, tolerance, limit);
    softmax_scale_leave(&fit.scale, parameters);
    shift_intercepts(&fit, -1, parameters);
    softmax_scale_release(&fit.scale);
    free(fit.mean);
    free(fit.at);
    free(fit.part);
    return result;
}
