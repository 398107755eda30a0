// The passes of resize_kernels.h for AVX-512 with VNNI. vpdpbusd sums four products of unsigned and signed bytes in
// each 32-bit lane: four taps. A weight w of 24 bits is split into signed digits, w = d0 + 256 d1 + 65536 d2, each
// digit's sums are gathered apart and joined at the end; as in resize_avx2.c they may wrap around, and the joined sum
// is exact.
#include <immintrin.h>

#include "image/resize_kernels.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

static bool usable(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

// Four weights become the four d0, the four d1, the four d2. Adding 128 to each digit makes them the bytes of a plain
// number: d_i = byte_i(w + 0x808080) - 128.
TARGET static void prepare(int32_t (*weights)[4], size_t groups) {
    const __m128i bias = _mm_set1_epi32(0x808080), flip = _mm_set1_epi8((char)0x80);
    const __m128i by_digit = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (size_t i = 0; i < groups; i++) {
        __m128i digits = _mm_add_epi32(_mm_loadu_si128((const __m128i *)weights[i]), bias);
        digits = _mm_xor_si128(_mm_shuffle_epi8(digits, by_digit), flip);
        _mm_storeu_si128((__m128i *)weights[i], digits);
    }
}

struct sums {
    __m512i digit[3];
};

TARGET static inline struct sums sums_begin(void) {
    const __m512i half = _mm512_set1_epi32(1 << (WEIGHT_BITS - 1)), zero = _mm512_setzero_si512();
    return (struct sums){{half, zero, zero}};
}

// Each 32-bit lane of `taps` holds four elements, which weigh `weights`.
TARGET static inline void sums_add(struct sums *sums, __m512i taps, const int32_t weights[4]) {
    for (int d = 0; d < 3; d++)
        sums->digit[d] = _mm512_dpbusd_epi32(sums->digit[d], taps, _mm512_set1_epi32(weights[d]));
}

TARGET static inline __m512i sums_end(const struct sums *sums) {
    __m512i high = _mm512_add_epi32(_mm512_slli_epi32(sums->digit[1], 8), _mm512_slli_epi32(sums->digit[2], 16));
    return _mm512_srai_epi32(_mm512_add_epi32(sums->digit[0], high), WEIGHT_BITS);
}

// Lanes of four vectors to bytes, in order within each 128 bits, cut off at 0 and 255.
TARGET static inline __m512i to_bytes(const __m512i lanes[4]) {
    return _mm512_packus_epi16(_mm512_packs_epi32(lanes[0], lanes[1]), _mm512_packs_epi32(lanes[2], lanes[3]));
}

// Two output pixels in KERNEL_ROWS rows, four in each vector: 128 bits a row, of red, green, blue and nothing.
TARGET static inline void filter_pixels(__m512i upper[2], __m512i lower[2], const uint8_t *scratch,
                                        const int32_t (*weights)[4], const int *start, int groups) {
    struct sums up[2] = {sums_begin(), sums_begin()}, low[2] = {sums_begin(), sums_begin()};
    for (int g = 0; g < groups; g++) {
        for (int k = 0; k < 2; k++) {
            const uint8_t *taps = scratch + KERNEL_GROUP / 4 * (size_t)start[k] + KERNEL_GROUP * g;
            sums_add(&up[k], _mm512_load_si512(taps), weights[k * groups + g]);
            sums_add(&low[k], _mm512_load_si512(taps + 64), weights[k * groups + g]);
        }
    }
    for (int k = 0; k < 2; k++) {
        upper[k] = sums_end(&up[k]);
        lower[k] = sums_end(&low[k]);
    }
}

// Four pixels of four rows.
TARGET static inline void store_pixels(uint8_t *const *out, size_t at, const __m512i pixels[4]) {
    const __m512i drop_fourth =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    __m512i bytes = _mm512_shuffle_epi8(to_bytes(pixels), drop_fourth);
    _mm_storeu_si128((__m128i *)(out[0] + at), _mm512_extracti32x4_epi32(bytes, 0));
    _mm_storeu_si128((__m128i *)(out[1] + at), _mm512_extracti32x4_epi32(bytes, 1));
    _mm_storeu_si128((__m128i *)(out[2] + at), _mm512_extracti32x4_epi32(bytes, 2));
    _mm_storeu_si128((__m128i *)(out[3] + at), _mm512_extracti32x4_epi32(bytes, 3));
}

TARGET static void horizontal(uint8_t *const *out, const uint8_t *const *rows, const struct axis *x, uint8_t *scratch) {
    const int32_t(*weights)[4] = (const int32_t(*)[4])x->weights;
    resize_pack(scratch, rows, x->count);
    for (int i = 0; i < x->size; i += 4, weights += 4 * x->groups) {
        __m512i upper[4], lower[4];
        filter_pixels(upper, lower, scratch, weights, x->start + i, x->groups);
        filter_pixels(upper + 2, lower + 2, scratch, weights + 2 * x->groups, x->start + i + 2, x->groups);
        store_pixels(out, 3 * (size_t)i, upper);
        store_pixels(out + 4, 3 * (size_t)i, lower);
    }
}

// taps[k] lane j: column 16 * lane128 + 4k + j of the four rows.
TARGET static inline void interleave(__m512i taps[4], const uint8_t *const *rows, size_t at) {
    __m512i a = _mm512_loadu_si512(rows[0] + at), b = _mm512_loadu_si512(rows[1] + at);
    __m512i c = _mm512_loadu_si512(rows[2] + at), d = _mm512_loadu_si512(rows[3] + at);
    __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    taps[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    taps[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    taps[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    taps[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

TARGET static void vertical(uint8_t *out, const uint8_t *const *rows, const int32_t (*weights)[4], int groups,
                            size_t size) {
    for (size_t i = 0; i < size; i += 64) {
        struct sums sums[4] = {sums_begin(), sums_begin(), sums_begin(), sums_begin()};
        for (int g = 0; g < groups; g++) {
            __m512i taps[4];
            interleave(taps, rows + 4 * g, i);
            for (int k = 0; k < 4; k++) sums_add(&sums[k], taps[k], weights[g]);
        }
        __m512i lanes[4];
        for (int k = 0; k < 4; k++) lanes[k] = sums_end(&sums[k]);
        _mm512_storeu_si512(out + i, to_bytes(lanes));
    }
}

const struct resize_kernels resize_avx512 = {"avx512", ISA_V4, usable, prepare, horizontal, vertical};
