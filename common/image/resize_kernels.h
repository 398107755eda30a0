// The two inner loops of a resize, in several versions with the same results, bit for bit.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/isa.h"
#include "image/resize_axis.h"

enum {
    KERNEL_ROWS = 8,                 // source rows that a horizontal pass takes at once
    KERNEL_GROUP = KERNEL_ROWS * 16, // bytes of a group of four packed pixels
    KERNEL_PADDING = 64,             // bytes behind a row that a kernel may read (unless a source row) and write
};

struct resize_kernels {
    const char *name;
    enum isa isa;         // the level it belongs to
    bool (*usable)(void); // on this processor

    // Rewrites each group of four weights into the version's own form, in the same 16 bytes.
    void (*prepare)(int32_t (*weights)[4], size_t groups);

    // out [KERNEL_ROWS][x->size, 3] from rows [KERNEL_ROWS][x->count, 3], x->start multiples of 4.
    // scratch: resize_scratch_size(x) bytes, 64-byte aligned, zero at first, the version's to use.
    void (*horizontal)(uint8_t *const *out, const uint8_t *const *rows, const struct axis *x, uint8_t *scratch);

    // out [size] from rows [4 * groups][size] by one output's weights.
    void (*vertical)(uint8_t *out, const uint8_t *const *rows, const int32_t (*weights)[4], int groups, size_t size);
};
extern const struct resize_kernels resize_plain, resize_avx2, resize_avx512;

extern const struct resize_kernels *const resize_versions[]; // fastest first, plain C last, then NULL
const struct resize_kernels *resize_fastest(void);           // of those usable here, within isa_limit()

size_t resize_scratch_size(const struct axis *x);

// For the versions with vectors. packed [groups][KERNEL_ROWS][16]: of each four pixels first their reds, then their
// greens, blues, and four zeros; `width` pixels rounded up to whole groups, with zeros.
void resize_pack(uint8_t *packed, const uint8_t *const *rows, int width);
