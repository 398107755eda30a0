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

static bool has_vnni(void) {
    return has_v4() && __builtin_cpu_supports("avx512vnni");
}

static bool has_pairs(void) {
    return has_vnni() && __builtin_cpu_supports("avx512bf16");
}

static bool has_v2(void) {
    return true;
}

// Pairs of bf16 only where they pay: Intel's CPUs without AMX take twice as long for a product of pairs as for the same
// two products in f32 (measured on Emerald Rapids: 0.9 against 0.4 ns), AMD's half as long. Elsewhere bf16 is what
// memory holds, and products are in f32.
static bool pairs_pay(void) {
    return __builtin_cpu_is("amd");
}

// The best first. Tables of one level have the same bits.
static const struct table {
    const struct kernels *kernels;
    enum dtype dtype;
    const char *level;
    bool (*runs)(void), (*pays)(void); // pays: NULL, always
} tables[] = {
    {&kernels_v4_bf16_pairs, DT_BF16, "v4-pairs", has_pairs, pairs_pay},
    {&kernels_v4_vnni_bf16, DT_BF16, "v4", has_vnni, NULL},
    {&kernels_v4_vnni_f32, DT_F32, "v4", has_vnni, NULL},
    {&kernels_v4_bf16, DT_BF16, "v4", has_v4, NULL},
    {&kernels_v4_f32, DT_F32, "v4", has_v4, NULL},
    {&kernels_v3_bf16, DT_BF16, "v3", has_v3, NULL},
    {&kernels_v3_f32, DT_F32, "v3", has_v3, NULL},
    {&kernels_v2_f32, DT_F32, "v2", has_v2, NULL},
};
enum { TABLES = sizeof tables / sizeof *tables };

static const struct table *table_for(enum dtype dtype) {
    for (int i = 0; i < TABLES; i++)
        if (tables[i].dtype == dtype && tables[i].runs() && (!tables[i].pays || tables[i].pays())) return &tables[i];
    return NULL;
}

const struct kernels *kernels_for(enum dtype dtype) {
    const struct table *table = table_for(dtype);
    return table ? table->kernels : NULL;
}

bool kernels_run(const struct kernels *kernels) {
    for (int i = 0; i < TABLES; i++)
        if (tables[i].kernels == kernels) return tables[i].runs();
    return false;
}

const char *ops_cpu_level(enum dtype dtype) {
    const struct table *table = table_for(dtype);
    return table ? table->level : "none";
}

int64_t attention_scratch(int k_count, int width) {
    int64_t width16 = (width + 15) & ~15, keys = ((int64_t)k_count + 15) & ~15;
    return 5 * keys * width16 + ATTENTION_QUERIES * (3 * width16 + 2 * keys);
}
