// bf16 with AVX-512 where bf16's own instructions are slow or missing: elements become f32 when they are loaded,
// products are those of f32.
#pragma GCC target("arch=x86-64-v4")

#include "ops/cpu/kernels/v4.inc"

#include "ops/cpu/kernels/bf16.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v4_bf16 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
