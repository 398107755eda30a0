// bf16 with AVX2, which has no arithmetic for it: elements become f32 when they are loaded, products are those of f32.
#pragma GCC target("arch=x86-64-v3")

#include "ops/cpu/kernels/v3.inc"

#include "ops/cpu/kernels/bf16.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v3_bf16 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
