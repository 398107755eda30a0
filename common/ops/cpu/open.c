// Opens and closes the CPU backend: the kernels for this CPU, the team, the memory that loops share. ops.c calls it by
// its table of backends.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "ops/backend.h"
#include "ops/cpu/cpu.h"
#include "ops/host_memory.h"

// A chunk of a forward pass and its sums.
#define LEAST_BLOCK_NUMBERS (96 << 10)

// f32 that fill half of a core's second cache: the other half is for what passes through.
static int64_t block_numbers(void) {
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE); // 0 where the kernel does not tell
    if (cache <= 0) cache = 1 << 20;
    int64_t numbers = cache / 2 / (int64_t)sizeof(float);
    return numbers < LEAST_BLOCK_NUMBERS ? LEAST_BLOCK_NUMBERS : numbers;
}

static void cpu_close(struct ops *ops) {
    struct cpu *cpu = cpu_of(ops);
    pool_free(&cpu->pool);
    packed_free(&cpu->packed);
    free(cpu->scratch);
    free(cpu->shared);
    free(cpu);
}

int cpu_open(struct ops *ops, int index) {
    (void)index;
    const struct kernels *kernels = kernels_for(ops->dtype);
    if (!kernels)
        return error(EXIT_USAGE,
                     "--precision bf16: this CPU has no AVX2, which its kernels need; use --precision fp32");
    struct pool *pool = pool_new(ops->threads);
    if (!pool)
        return error(EXIT_USAGE, "cannot start %d threads for --device cpu; give --threads a smaller number",
                     ops->threads);
    if (ops->dtype == DT_BF16 && kernels->operand_depth == 1)
        note("--precision bf16: weights and activations lie in memory as bf16; products are in f32, the faster type of "
             "this CPU");
    struct cpu *cpu = xcalloc(1, sizeof *cpu);
    *cpu = (struct cpu){.pool = pool, .kernels = kernels, .element = dtype_size(ops->dtype)};
    cpu->block_numbers = block_numbers();
    ops->backend = "cpu";
    ops->state = cpu;
    ops->close = cpu_close;
    ops->copy_bytes = (int64_t)cpu->element;
    ops->scratch_bytes = ops->threads * cpu->block_numbers * (int64_t)sizeof(float); // linear maps take the most
#define OP(name, parameters, arguments) ops->name = cpu_##name;
#define DEVICE_OP(name, parameters, arguments) ops->name = host_##name;
#include "ops/ops.def"
#undef OP
    return 0;
}
