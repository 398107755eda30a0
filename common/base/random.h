// Random numbers as functions of (key, counter): no state, so any process can make the n-th draw.
// Philox-4x32-10 (Salmon et al., SC 2011).
#pragma once

#include <stdint.h>

struct random_key {
    uint64_t value;
};
struct random_key random_key(uint64_t seed, const char *purpose); // independent streams by purpose
struct random_key random_subkey(struct random_key key, uint64_t index);

uint64_t random_bits(struct random_key key, uint64_t counter);
double random_uniform(struct random_key key, uint64_t counter);                 // [0, 1)
uint64_t random_below(struct random_key key, uint64_t counter, uint64_t bound); // [0, bound), bound > 0
double random_normal(struct random_key key, uint64_t counter);                  // mean 0, deviation 1 (Box-Muller)

// Element k of a keyed permutation of 0..size-1 (Feistel network with cycle walking, no table). k < size.
uint64_t random_permute(struct random_key key, uint64_t size, uint64_t k);
