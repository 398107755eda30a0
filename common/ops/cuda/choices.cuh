// Which algorithm a kind of product uses, remembered over runs: trials are timed, and another choice is other bits.
//
// The file lies in $COCA_CUDA_CACHE, else $XDG_CACHE_HOME/cocaflow, else ~/.cache/cocaflow, by GPU, version of cuBLASLt
// and program; a line holds a key and an algorithm, the last of a key counts. An algorithm of zeros is none: what the
// product's epilogue would do is faster apart. Without a folder that can be written, or with COCA_CUDA_CACHE empty,
// nothing is tried out and the heuristic's first answer is taken, which is the same each time.
#pragma once

#include <map>

#include "ops/cuda/cuda.cuh"

// A product's sizes (rows of activations rounded up), the alignment of its addresses, transpositions, types, epilogue,
// and whether it adds to what is there.
struct choice_key {
    int64_t part[8];
    bool operator<(const choice_key &other) const;
};

struct choices {
    std::map<choice_key, cublasLtMatmulAlgo_t> known;
    char *path; // NULL: nothing is kept, and so nothing tried
    int file;   // locked, or −1
};

void choices_open(struct choices *choices, int device);
void choices_close(struct choices *choices);
// Between lock and unlock no other process of this kind chooses; what one chose before is known then. Whether a choice
// can be kept: where not, the heuristic's first answer is to be taken.
bool choices_lock(struct choices *choices);
void choices_unlock(struct choices *choices);
// For this process.
void choices_add(struct choices *choices, const choice_key &key, const cublasLtMatmulAlgo_t &algorithm);
// For all later ones; between lock and unlock. False, with a warning, when it cannot be written.
bool choices_keep(struct choices *choices, const choice_key &key, const cublasLtMatmulAlgo_t &algorithm);
