// Which sample stands where: a function of (seed, fingerprint of the plan, n), n counting samples from 0 over the whole
// run, never of batch size, microbatch, worker or replica (design section 6).
//
// In blocks, element k of an epoch is found so: the source's parts are permuted by the epoch's key, taken W at a time, and
// the records of each such window permuted among themselves. A window's records are all drawn before the next window's.
//
// Weights a_j are whole numbers, W = Σ a_j <= 1000. Sample n has source pattern[n mod W], an even interleaving; it is
// draw k = (n div W)·a_j + rank of that source, and draw k is element k mod size of a keyed permutation for epoch k div
// size.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/random.h"

#define PLAN_SOURCES 64
#define PLAN_WEIGHT_SUM 1000

struct plan_source {
    int64_t size;         // records
    uint64_t fingerprint; // of the dataset
    int weight;
    const int64_t *first; // [parts + 1] where each part begins (store_parts), borrowed; only for blocks
    int parts;
};

struct plan;
// -EXIT_USAGE when there is no source, one is empty, or weights are out of bounds.
int plan_new(struct plan **plan, const struct plan_source *source, int count, uint64_t seed, bool shuffle);
void plan_free(struct plan **plan);
uint64_t plan_fingerprint(const struct plan *plan);

struct plan_sample {
    int source;
    int64_t record, epoch; // record within the source; its own epoch of that source
    int64_t id;            // source << 48 | record
    struct random_key key; // of everything random about this sample; take subkeys by purpose
};
// n >= 0. Without shuffle, sample n is record n of the sources one behind the other, and n must be below the total.
struct plan_sample plan_at(const struct plan *plan, int64_t n);
int64_t plan_records(const struct plan *plan); // Σ sizes: one epoch of --epochs

// "1::2" for `count` sources, NULL for all 1. 0 or -EXIT_USAGE.
int plan_weights(const char *text, int count, int weight[PLAN_SOURCES]);
