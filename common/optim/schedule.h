// Learning rate over the run (design section 7).
#pragma once

#include <stdint.h>

enum schedule_kind { SCHEDULE_CONST, SCHEDULE_LINEAR, SCHEDULE_COSINE };

struct schedule {
    enum schedule_kind kind;
    double base;
    double warmup;  // steps; with `seconds` a share of the time
    int64_t steps;  // N; 0: the clock decides
    double seconds; // S
    double ceiling; // seconds after which the steps end, however many are left; 0: never
};

// With warm-up w: step s < w has base·(s+1)/w; then e = s − w and E = N − w: const base; linear base·(1 − e/E); cosine
// base·½(1 + cos(πe/E)). By the clock, with p = elapsed/S: p < w has base·p/w, then e/E = (p − w)/(1 − w). Under a
// ceiling C the place behind the warm-up is max(s, N·elapsed/C): a machine too slow for N steps ends with the rate at its
// end all the same, and on a faster one the clock has no part in it.
double schedule_rate(const struct schedule *schedule, int64_t step, double elapsed);
