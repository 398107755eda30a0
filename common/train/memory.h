// What a stage needs, announced at its start and held to --memory.
#pragma once

#include <stdint.h>

// Bytes that the stage needs with this way to recompute and this microbatch.
typedef int64_t memory_need(void *context, int recompute, int64_t microbatch);

// Prints and announces the need of the run's own settings. Above --memory: -EXIT_USAGE naming the options that fit.
int memory_announce(memory_need *need, void *context);
