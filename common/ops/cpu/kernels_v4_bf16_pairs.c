// bf16 with AVX-512 BF16, whose one instruction multiplies two pairs of bf16 and adds both products to a sum in f32.
#pragma GCC target("arch=x86-64-v4,avx512vnni,avx512bf16")

#include "ops/cpu/kernels/v4.inc"

#include "ops/cpu/kernels/bf16.inc"

#define OPERANDS "ops/cpu/kernels/pairs.inc"
#include "ops/cpu/kernels/all.inc"

const struct kernels kernels_v4_bf16_pairs = {KERNEL_TABLE
#include "ops/cpu/kernels.def"
};
