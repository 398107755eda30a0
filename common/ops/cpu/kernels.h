// The innermost loops of the CPU backend, compiled for several instruction sets and chosen at run time.
#pragma once

#include "ops/ops.h"

// Rows of a left operand that are multiplied at a time.
#define PRODUCT_ROWS 6

// c[m,n] = or += a·b in f32; a[i,l] lies at a[i·row + l·step], or, in tiles of PRODUCT_ROWS rows, at a[i /
// PRODUCT_ROWS·tile
// + i % PRODUCT_ROWS·row + l·step]; rows of b and c are b_stride and c_stride apart, and n is a multiple of 16. In
// linear maps the numbers of a and b are operands: f32, or pairs of bf16 that follow each other along k, where the CPU
// multiplies those faster. A table says which.
struct product {
    float *c;
    const float *a, *b;
    int64_t c_stride, row, step, b_stride;
    int m, n, k;
    bool accumulate;
    int64_t ahead; // how far behind what is read of b memory is asked for, in numbers; 0: it is not asked
    int64_t tile;  // 0: a is not in tiles
};

// Neighbours in a row that become whole numbers of one scale, and bytes between those in use of a weight and those that
// memory is asked for.
#define BYTES_PART 256
#define BYTES_AHEAD 2048

// c[m,n] = or += a·b in whole numbers, for up to BYTES_PART / 2 pairs of depth from pair l on. Row i of a lies at a +
// i·row and has scale[i·scales]; b is the whole block of n columns, a multiple of 16, `panel` bytes for each.
struct byte_product {
    float *c;
    const int16_t *a;
    const int8_t *b;
    const float *scale;
    int64_t c_stride, row, scales, panel, l;
    int m, n, pairs;
    bool accumulate;
};

// One head of one sample: pointers to its first rows, strides in elements.
struct head {
    const void *q, *k, *v;
    void *out;
    float *lse;               // of the first query, or NULL; those of the next ones lie lse_stride apart
    const uint8_t *key_valid; // of the first key, or NULL
    int64_t q_stride, kv_stride, out_stride, lse_stride;
    int q_count, k_count, width;
    bool causal;
};

struct head_gradient {
    const void *d_out; // strides as q, k, v and out
    void *dq, *dk, *dv;
};

// Queries that the attention kernels take at a time.
#define ATTENTION_QUERIES 48

// f32 numbers of scratch that the attention kernels take at most.
int64_t attention_scratch(int k_count, int width);

struct adafactor_factors {
    float row;           // times every g of the row
    const float *column; // 1/√ of the columns' second moments, or NULL
    const float *v;      // second moments kept whole, or NULL
    float divisor;       // of u, by clipping
};

struct kernels {
    int operand_depth; // elements in one operand: 1 (f32), 2 (pairs of bf16)
    bool direct_left;  // elements lie in memory as operands do, if K is a multiple of operand_depth
    bool direct_right; // and so do kept weights; else they are widened
    int panel;         // columns that a product multiplies at a time, a multiple of 16
    int depth;         // operands that a map adds up before it stores sums
#define KERNEL(name, parameters) void(*name) parameters;
#include "ops/cpu/kernels.def"
#undef KERNEL
};

// The fastest on this CPU for f32 or bf16; NULL for bf16 on a CPU without AVX2.
const struct kernels *kernels_for(enum dtype dtype);
bool kernels_run(const struct kernels *kernels); // whether this CPU has their instructions, within COCA_ISA

extern const struct kernels kernels_v2_f32;        // any x86-64
extern const struct kernels kernels_v3_f32;        // AVX2 and FMA
extern const struct kernels kernels_v3_bf16;       // the same, products in f32
extern const struct kernels kernels_v4_f32;        // AVX-512 F, BW, CD, DQ and VL
extern const struct kernels kernels_v4_bf16;       // the same, products in f32
extern const struct kernels kernels_v4_vnni_f32;   // and AVX-512 VNNI
extern const struct kernels kernels_v4_vnni_bf16;  // the same, products in f32
extern const struct kernels kernels_v4_bf16_pairs; // and AVX-512 BF16
