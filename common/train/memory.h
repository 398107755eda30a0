// What a stage needs, announced at its start, held to --memory and to what its GPU has free.
#pragma once

#include <stdint.h>

#include "ops/ops.h"
#include "run/run.h"

struct memory_bytes {
    int64_t device; // of the backend; host memory too where that is a CPU
    int64_t host;   // beside it: messages, files that are written and read
};

// What the stage needs with this way to recompute and this microbatch.
typedef struct memory_bytes memory_need(void *context, int recompute, int64_t microbatch);

// Prints and announces the need of the run's own settings. Above --memory, which limits a GPU's memory where the stage
// computes on one, or above what the GPU has free: -EXIT_USAGE naming the options that fit.
int memory_announce(const struct run *run, struct ops *ops, memory_need *need, void *context);
