// Chooses the kernels once, when the backend opens: one executable runs on any x86-64 and is as fast as this one can
// be, or as COCA_ISA lets it be. Each table comes from the same sources, compiled for other instructions (kernels_*.c).
#include "ops/cpu/kernels.h"

#include <stdbool.h>

#include "base/isa.h"
#include "ops/ops.h"

static bool has_v4(void) {
    return isa_limit() >= ISA_V4 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static bool has_v3(void) {
    return isa_limit() >= ISA_V3 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("movbe");
}

// The best table for this CPU. Pairs of bf16 only where they pay: Intel's CPUs without AMX take twice as long for a
// product of pairs as for the same two products in f32 (measured on Emerald Rapids: 0.9 against 0.4 ns), AMD's half as
// long. Elsewhere bf16 is what memory holds, and products are in f32.
static const struct kernels *kernels_for_bf16(void) {
    if (has_v4() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_is("amd")) return &kernels_v4_bf16_pairs;
    if (has_v4()) return &kernels_v4_bf16;
    return has_v3() ? &kernels_v3_bf16 : NULL;
}

const struct kernels *kernels_for(enum dtype dtype) {
    if (dtype == DT_BF16) return kernels_for_bf16();
    if (has_v4()) return &kernels_v4_f32;
    return has_v3() ? &kernels_v3_f32 : &kernels_v2_f32;
}

const char *ops_cpu_level(enum dtype dtype) {
    const struct kernels *kernels = kernels_for(dtype);
    if (!kernels) return "none";
    if (kernels == &kernels_v4_bf16_pairs) return "v4-pairs";
    return has_v4() ? "v4" : has_v3() ? "v3" : "v2";
}

int64_t attention_scratch(int k_count, int width) {
    int64_t width16 = (width + 15) & ~15, keys = ((int64_t)k_count + 15) & ~15;
    return 5 * keys * width16 + ATTENTION_QUERIES * (3 * width16 + 2 * keys);
}
