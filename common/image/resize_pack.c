// The layout that the two versions with vectors share: pixels come as r g b r g b …, while a lane wants taps of one
// colour. resize_avx2.c and resize_avx512.c pack rows here before their horizontal pass; resize.c asks for the memory.
#include <string.h>
#include <tmmintrin.h>

#include "image/resize_kernels.h"

// One zero group for each tap group that may start in the last one.
size_t resize_scratch_size(const struct axis *x) {
    return ((size_t)(x->count + 3) / 4 + (size_t)x->groups) * KERNEL_GROUP;
}

// A load takes 16 bytes and uses 12, so the last one or two groups go through a copy, not to read behind the row.
__attribute__((target("ssse3"))) static void pack_row(uint8_t *packed, const uint8_t *row, size_t size) {
    const __m128i by_channel = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    for (; size >= 16; packed += KERNEL_GROUP, row += 12, size -= 12)
        _mm_store_si128((__m128i *)packed, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)row), by_channel));
    uint8_t last[32] = {0};
    memcpy(last, row, size);
    for (const uint8_t *from = last; from < last + size; from += 12, packed += KERNEL_GROUP)
        _mm_store_si128((__m128i *)packed, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)from), by_channel));
}

void resize_pack(uint8_t *packed, const uint8_t *const *rows, int width) {
    for (int i = 0; i < KERNEL_ROWS; i++) pack_row(packed + 16 * i, rows[i], 3 * (size_t)width);
}
