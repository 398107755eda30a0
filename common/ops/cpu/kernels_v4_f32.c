#pragma GCC target("arch=x86-64-v4")

#include "ops/cpu/kernels/v4.inc"

#include "ops/cpu/kernels/f32.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v4_f32 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
