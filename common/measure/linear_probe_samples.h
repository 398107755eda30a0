// Which samples a linear probe is trained on. Classes are numbered from 0 to K−1. Equal seeds choose equal samples.
#pragma once

#include "measure/linear_probe.h"

struct probe_set probe_set_join(const struct probe_set *a, const struct probe_set *b); // a new one
void probe_set_release(struct probe_set *set);

// Keeps `shots` samples of each class. −1, or the first class that has fewer: then the set stays as it was, and *found
// is how many.
int64_t probe_set_few(struct probe_set *set, int64_t K, int64_t shots, uint64_t seed, int64_t *found);

// Moves a share of each class, rounded to the nearest, to `held` (empty before): at least one where two or more are
// there, and never all of them.
void probe_set_hold_out(struct probe_set *set, struct probe_set *held, int64_t K, double share, uint64_t seed);
