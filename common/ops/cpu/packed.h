// Copies of weight matrices in the order in which products read them, kept until the weights change.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Columns of a block (linear.c).
#define PACKED_COLUMNS 128

// What a copy is of: a weight [K,N] of elements, or of whole numbers of a byte.
struct packed_of {
    const void *weight;
    int64_t K, N;
    bool turned; // the weight is [N,K]
    bool bytes;
};

// A right operand cut into blocks of columns: block c holds [depth, width of c] operands in panels of the kernels'
// width, [depth, width of panel] each, one after the other. They are as small as the weight: bytes, or bf16 where an
// operand is an f32.
struct packed {
    struct packed_of of;
    bool fresh;
    int64_t depth;         // operands along K
    int64_t block, blocks; // columns of all blocks but the last, a multiple of 16
    size_t operand;        // bytes that one is kept in
    char *data;
};

struct packed_cache {
    struct packed **slot; // open addressing; size a power of two
    int64_t slots, used;
    char **slab; // [slabs], large blocks that hold the copies side by side: large pages, read in sequence
    int64_t slabs;
    char *slab_end; // of the newest
    size_t slab_left;
};

struct cpu;
const struct packed *packed_get(struct cpu *cpu, struct packed_of of);
void packed_expire(struct packed_cache *cache); // every copy is stale
void packed_free(struct packed_cache *cache);

// Columns of block c, those of its operands (a multiple of 16), and the operands of depth l.
static inline int64_t packed_columns(const struct packed *packed, int64_t c) {
    int64_t left = packed->of.N - c * packed->block;
    return left < packed->block ? left : packed->block;
}
static inline int64_t packed_width(const struct packed *packed, int64_t c) {
    return (packed_columns(packed, c) + 15) & ~INT64_C(15);
}
static inline char *packed_at(const struct packed *packed, int64_t c, int64_t l) {
    return packed->data + (size_t)(c * packed->block * packed->depth + l * packed_width(packed, c)) * packed->operand;
}
// Operands of depth l in the panel of `width` columns that begins at column j of block c.
static inline char *packed_panel(const struct packed *packed, int64_t c, int64_t j, int64_t width, int64_t l) {
    return packed->data + (size_t)((c * packed->block + j) * packed->depth + l * width) * packed->operand;
}
