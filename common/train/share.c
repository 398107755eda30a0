// Whose microbatches are whose: contiguous blocks, by rank. Apart from topology.c, as who counts units needs no run.
#include "train/topology.h"

struct share share_of(int microbatches, int rank, int ranks) {
    int count = microbatches / ranks;
    return (struct share){rank * count, count};
}

// The inverse of share_of: blocks have M/R microbatches.
int owner_of(int microbatch, int microbatches, int ranks) {
    return ranks > 1 && microbatches ? microbatch / (microbatches / ranks) : 0;
}
