// Hashes of 64 bits, and which of them differ from another in few.
#pragma once

#include <stdint.h>

struct near_hashes;
// Finds what differs in at most `distance` bits, 0 to 64.
struct near_hashes *near_hashes_new(int distance);
void near_hashes_free(struct near_hashes **hashes);
void near_hashes_add(struct near_hashes *hashes, uint64_t hash, int64_t number);

// The number of the hash that differs least, of equal ones the first that was added, and in how many bits; −1: none.
// Several threads may ask while none adds.
int64_t near_hashes_find(const struct near_hashes *hashes, uint64_t hash, int *distance);
