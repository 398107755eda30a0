// The search for a linear probe's strength of regularisation, and its fits. What is fitted is softmax_regression.c's
// and linear_probe_adamw.c's; which samples are trained on is the caller's.
#include "measure/linear_probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "measure/linear_probe_adamw.h"

enum { STEPS = 96, FIRST_STEP = 16, FIRST = STEPS / FIRST_STEP + 1 };

// Of softmax_fit: the search asks which of two fits is better, the last one for the minimum.
static const double rough = 1e-4, fine = 1e-5;
enum { ITERATIONS = 1000 };

// Powers of ten at both ends of the search.
static const struct range { double low, high; } ranges[] = {[PROBE_CLIP] = {-6, 6}, [PROBE_CLIP_BENCHMARK] = {-6, 2}};

struct linear_probe linear_probe_new(enum probe_protocol protocol, int64_t E, int64_t K, uint64_t seed) {
    const struct softmax_shape shape = softmax_shape(E, K);
    return (struct linear_probe){.protocol = protocol,
                                 .shape = shape,
                                 .seed = seed,
                                 .parameters = xcalloc((size_t)softmax_parameters(&shape), sizeof(double))};
}

void linear_probe_release(struct linear_probe *probe) {
    free(probe->parameters);
    *probe = (struct linear_probe){0};
}

static bool fit(const struct linear_probe *probe, const struct probe_set *train, double strength, double tolerance,
                double *parameters) {
    if (probe->stop && probe->stop()) return false;
    if (probe->protocol == PROBE_CLIP)
        return softmax_fit(&probe->shape, train->sample, train->N, strength, tolerance, ITERATIONS, parameters)
            .converged;
    linear_probe_adamw(&probe->shape, train->sample, train->N, strength, probe->seed, parameters);
    return true;
}

bool linear_probe_fit(struct linear_probe *probe, const struct probe_set *train, double strength) {
    return fit(probe, train, strength, fine, probe->parameters);
}

static double share_right(const struct softmax_shape *shape, const struct probe_set *val, const double *parameters) {
    int64_t *rank = xmalloc((size_t)val->N * sizeof *rank), right = 0;
    softmax_ranks(shape, val->sample, val->N, parameters, rank);
    for (int64_t i = 0; i < val->N; i++) right += rank[i] == 1;
    free(rank);
    return (double)right / (double)val->N;
}

struct search {
    const struct linear_probe *probe;
    const struct probe_set *train, *val;
    int best; // step of the range, −1 before the first
    double share;
    double *trial[FIRST]; // parameters of a round's fits
};

static double strength_at(const struct search *search, int step) {
    const struct range *range = &ranges[search->probe->protocol];
    return pow(10, range->low + (range->high - range->low) * step / STEPS);
}

// Minima of neighbouring C are near each other, so each fit begins at the one before it, the first at the best so far.
// Its threads share every evaluation; AdamW's small batches are better left to a thread a fit.
static void fit_round(const struct search *search, const int *step, int count) {
    const size_t bytes = (size_t)softmax_parameters(&search->probe->shape) * sizeof(double);
    const bool alone = search->probe->protocol == PROBE_CLIP_BENCHMARK;
#pragma omp parallel for schedule(dynamic, 1) if (alone)
    for (int i = 0; i < count; i++) {
        if (!alone) memcpy(search->trial[i], i ? search->trial[i - 1] : search->probe->parameters, bytes);
        fit(search->probe, search->train, strength_at(search, step[i]), rough, search->trial[i]);
    }
}

static void search_round(struct search *search, const int *step, int count) {
    const size_t bytes = (size_t)softmax_parameters(&search->probe->shape) * sizeof(double);
    fit_round(search, step, count);
    for (int i = 0; i < count; i++) {
        const double share = share_right(&search->probe->shape, search->val, search->trial[i]);
        const bool smaller = share == search->share && step[i] < search->best;
        if (search->best >= 0 && share <= search->share && !smaller) continue;
        search->best = step[i];
        search->share = share;
        memcpy(search->probe->parameters, search->trial[i], bytes);
    }
}

// The two steps beside the best one, as far as the range goes.
static void search_beside(struct search *search, int distance) {
    int step[2], count = 0;
    if (search->best - distance >= 0) step[count++] = search->best - distance;
    if (search->best + distance <= STEPS) step[count++] = search->best + distance;
    search_round(search, step, count);
}

double linear_probe_search(struct linear_probe *probe, const struct probe_set *train, const struct probe_set *val,
                           double *share) {
    struct search search = {.probe = probe, .train = train, .val = val, .best = -1};
    int first[FIRST];
    for (int i = 0; i < FIRST; i++) {
        first[i] = i * FIRST_STEP;
        search.trial[i] = xcalloc((size_t)softmax_parameters(&probe->shape), sizeof(double));
    }
    search_round(&search, first, FIRST);
    for (int distance = FIRST_STEP / 2; distance; distance /= 2) search_beside(&search, distance);
    for (int i = 0; i < FIRST; i++) free(search.trial[i]);
    *share = search.share;
    return strength_at(&search, search.best);
}
