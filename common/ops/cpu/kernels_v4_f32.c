// f32 with AVX-512: vectors of 16, and 32 registers for them, which hold a tile of products twice as wide.
#pragma GCC target("arch=x86-64-v4")

#include "ops/cpu/kernels/v4.inc"

#include "ops/cpu/kernels/f32.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v4_f32 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
