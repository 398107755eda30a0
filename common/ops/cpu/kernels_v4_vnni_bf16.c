// bf16 with AVX-512 and its VNNI: as kernels_v4_bf16.c, and products of whole numbers in one instruction instead of two.
#pragma GCC target("arch=x86-64-v4,avx512vnni")

#include "ops/cpu/kernels/v4.inc"

#include "ops/cpu/kernels/bf16.inc"

#define OPERANDS "ops/cpu/kernels/wide.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v4_vnni_bf16 = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
