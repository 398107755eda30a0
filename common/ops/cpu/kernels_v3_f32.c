// f32 with AVX2 and FMA. The pragma comes before all includes, so that the intrinsics' headers and every function below
// are compiled for those instructions, and nothing else of the program is.
#pragma GCC target("arch=x86-64-v3")

#include "ops/cpu/kernels/v3.inc"

#include "ops/cpu/kernels/f32.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v3_f32 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
