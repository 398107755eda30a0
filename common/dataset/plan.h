// Which sample stands where: a function of (seed, fingerprint of the plan, n), n counting samples from 0 over the whole
// run, never of batch size, microbatch, worker or replica (design section 6).
//
// Weights a_j are whole numbers, W = Σ a_j <= 1000. Sample n has source pattern[n mod W], an even interleaving; it is
// draw k = (n div W)·a_j + rank of that source, and draw k is element k mod size of a keyed permutation for epoch k div
// size: of all its records (global), or in blocks of so many of its parts (dataset/blocks.h).
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
// `window` 0: global, else the parts in a block; a source that has fewer is one block. -EXIT_USAGE when there is no
// source, one is empty, weights are out of bounds, or no source has so many parts. For one thread at a time.
int plan_new(struct plan **plan, const struct plan_source *source, int count, uint64_t seed, bool shuffle,
             int64_t window);
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

// In blocks: the parts of a source that its samples from n on are in, those of a window and of the one behind it.
// Returns how many of the 2·window places are filled.
int plan_near(const struct plan *plan, int source, int64_t n, int *part);
int plan_window(const struct plan *plan, int source); // parts in a block of the source; 0: global, or in order

// "global" or "blocks:W": the window. 0 or -EXIT_USAGE.
int plan_shuffle(const char *text, int64_t *window);
// "1::2" for `count` sources, NULL for all 1. 0 or -EXIT_USAGE.
int plan_weights(const char *text, int count, int weight[PLAN_SOURCES]);
