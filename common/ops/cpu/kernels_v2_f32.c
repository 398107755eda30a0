// f32 on any x86-64, with vectors of 4: what runs where a CPU has no AVX2.
#include "ops/cpu/kernels/v2.inc"

#include "ops/cpu/kernels/f32.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v2_f32 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
