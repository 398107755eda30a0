// What the files of the CPU backend share. Operations split their work over a team of threads; what one thread does is
// a kernel (kernels.def).
#pragma once

#include "ops/cpu/kernels.h"
#include "ops/cpu/packed.h"
#include "ops/cpu/pool.h"
#include "ops/ops.h"

struct cpu {
    struct pool *pool;
    const struct kernels *kernels;
    size_t element; // bytes of the compute type
    struct packed_cache packed;
    int64_t block_numbers; // f32 that fill half of a core's second cache
    char *scratch;         // one block per thread, and one for what threads share
    size_t scratch_bytes, shared_bytes;
    char *shared;
};

#define OP(name, parameters, arguments) void cpu_##name parameters;
#define DEVICE_OP(name, parameters, arguments)
#include "ops/ops.def"
#undef OP

static inline int64_t divide_up(int64_t n, int64_t by) {
    return (n + by - 1) / by;
}

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline struct cpu *cpu_of(struct ops *ops) {
    return ops->state;
}

// Runs the task in all threads, or in this one alone when `work`, in numbers read and written, would not pay for that.
void cpu_run(struct cpu *cpu, int64_t work, void (*task)(const void *context, struct share share), const void *context);

// Before a loop: makes every thread's scratch at least so large. Within it: this thread's.
void cpu_reserve_scratch(struct cpu *cpu, size_t bytes);
static inline void *cpu_scratch(const struct cpu *cpu, struct share share) {
    return cpu->scratch + (size_t)share.index * cpu->scratch_bytes;
}

// Memory for what threads leave to each other, until the next call.
void *cpu_shared(struct cpu *cpu, size_t bytes);
