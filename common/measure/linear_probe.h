// Linear probes: how well one linear layer on fixed features tells classes apart.
//
// Two protocols: CLIP's (arXiv 2103.00020, A.3: softmax regression to its minimum, C from 1e-6 to 1e6) and
// CLIP_benchmark's (ten epochs of AdamW, weight decay from 1e-6 to 1e2, features of length 1, which is the caller's
// work). Both search the strength of regularisation alike, on samples that are not trained on: seven values over the
// whole range, then round the best one at an eighth, a sixteenth, … of the range's 96 steps.
#pragma once

#include <stdint.h>

#include "measure/softmax_regression.h"

enum probe_protocol { PROBE_CLIP, PROBE_CLIP_BENCHMARK };

struct probe_set {
    struct softmax_sample *sample; // [N]
    int64_t N;
};

struct linear_probe {
    enum probe_protocol protocol;
    struct softmax_shape shape;
    uint64_t seed;      // of CLIP_benchmark's first weights and its order of samples
    double *parameters; // f64 [E+1,stride], softmax_regression.h
    bool (*stop)(void); // of the caller: once it says true no fit is begun any more, and results mean nothing; or NULL
};
struct linear_probe linear_probe_new(enum probe_protocol protocol, int64_t E, int64_t K, uint64_t seed);
void linear_probe_release(struct linear_probe *probe);

// Fits `train` with this C or weight decay. Whether the minimum was reached; true with CLIP_benchmark's protocol, which
// does not ask. The same bits for any number of threads.
bool linear_probe_fit(struct linear_probe *probe, const struct probe_set *train, double strength);

// The C or weight decay under which a probe of `train` has the most of `val` right, and the smallest of equal ones;
// *share of them. The probe's parameters are of use to a fit afterwards.
double linear_probe_search(struct linear_probe *probe, const struct probe_set *train, const struct probe_set *val,
                           double *share);
