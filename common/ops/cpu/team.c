// How the CPU backend's operations run their loops: in the team's threads, with scratch memory of each and memory that
// they share. Every file of operations calls it; it calls none of them.
#include <stdlib.h>

#include "base/memory.h"
#include "ops/cpu/cpu.h"

// Below this many numbers a loop is done before another thread has heard of it.
#define PARALLEL_WORK 8192

void cpu_run(struct cpu *cpu, int64_t work, void (*task)(const void *context, struct share share),
             const void *context) {
    pool_run(cpu->pool, work < PARALLEL_WORK, task, context);
}

// It grows to the largest that was asked for and stays: nothing is allocated once every operation has run. What it held
// is lost, so it belongs to one operation at a time, and is asked for before the threads begin.
void cpu_reserve_scratch(struct cpu *cpu, size_t bytes) {
    size_t rounded = (bytes + 63) & ~(size_t)63;
    if (rounded <= cpu->scratch_bytes) return;
    free(cpu->scratch);
    cpu->scratch_bytes = rounded;
    cpu->scratch = xaligned(rounded * (size_t)pool_threads(cpu->pool));
}

void *cpu_shared(struct cpu *cpu, size_t bytes) {
    if (bytes > cpu->shared_bytes) {
        free(cpu->shared);
        cpu->shared = xaligned(bytes);
        cpu->shared_bytes = bytes;
    }
    return cpu->shared;
}
