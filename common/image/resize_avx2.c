// The passes of resize_kernels.h for AVX2. vpmaddwd sums two products of signed 16-bit words in each 32-bit lane: two
// taps. Weights have 24 bits, so each is split into two digits, w = low + 4096 high with -2048 <= low < 2048, whose
// sums are gathered apart and joined at the end. Sums of digits may wrap around; the joined sum is right modulo 2^32,
// and it fits (resize_axis.h). So the results are those of resize_plain.c, bit for bit.
#include <immintrin.h>

#include "image/resize_kernels.h"

#define TARGET __attribute__((target("avx2")))

enum { DIGIT_BITS = 12, DIGIT = 1 << DIGIT_BITS };

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

// The words of two taps beside each other.
static int32_t pair(int32_t first, int32_t second) {
    return (int32_t)((uint32_t)first & 0xffff) | (int32_t)((uint32_t)second << 16);
}

// Four weights become the low digits of the even and of the odd ones, then the high digits.
static void prepare(int32_t (*weights)[4], size_t groups) {
    for (size_t i = 0; i < groups; i++) {
        int32_t low[4], high[4];
        for (int t = 0; t < 4; t++) {
            low[t] = ((weights[i][t] + DIGIT / 2) & (DIGIT - 1)) - DIGIT / 2;
            high[t] = (weights[i][t] - low[t]) >> DIGIT_BITS;
        }
        weights[i][0] = pair(low[0], low[2]);
        weights[i][1] = pair(low[1], low[3]);
        weights[i][2] = pair(high[0], high[2]);
        weights[i][3] = pair(high[1], high[3]);
    }
}

struct sums {
    __m256i low, high;
};

TARGET static inline struct sums sums_begin(void) {
    return (struct sums){_mm256_set1_epi32(1 << (WEIGHT_BITS - 1)), _mm256_setzero_si256()};
}

TARGET static inline __m256i dot(__m256i even, __m256i odd, const int32_t weights[2]) {
    return _mm256_add_epi32(_mm256_madd_epi16(even, _mm256_set1_epi32(weights[0])),
                            _mm256_madd_epi16(odd, _mm256_set1_epi32(weights[1])));
}

// Each 32-bit lane of `taps` holds four elements, which weigh `weights`.
TARGET static inline void sums_add(struct sums *sums, __m256i taps, const int32_t weights[4]) {
    __m256i even = _mm256_and_si256(taps, _mm256_set1_epi16(0xff)), odd = _mm256_srli_epi16(taps, 8);
    sums->low = _mm256_add_epi32(sums->low, dot(even, odd, weights));
    sums->high = _mm256_add_epi32(sums->high, dot(even, odd, weights + 2));
}

TARGET static inline __m256i sums_end(const struct sums *sums) {
    return _mm256_srai_epi32(_mm256_add_epi32(sums->low, _mm256_slli_epi32(sums->high, DIGIT_BITS)), WEIGHT_BITS);
}

// Lanes of four vectors to bytes, in order within each 128 bits, cut off at 0 and 255.
// Twice with saturation, which is the cut at 0 and 255.
TARGET static inline __m256i to_bytes(const __m256i lanes[4]) {
    return _mm256_packus_epi16(_mm256_packs_epi32(lanes[0], lanes[1]), _mm256_packs_epi32(lanes[2], lanes[3]));
}

// One output pixel in two rows: 128 bits a row, of red, green, blue and nothing.
TARGET static inline __m256i filter_pixel(const uint8_t *packed, const int32_t (*weights)[4], int groups) {
    struct sums sums = sums_begin();
    for (int g = 0; g < groups; g++)
        sums_add(&sums, _mm256_load_si256((const __m256i *)(packed + KERNEL_GROUP * g)), weights[g]);
    return sums_end(&sums);
}

// Four pixels are 12 bytes of a row, stored as 16: the next store overwrites the rest, or it falls into the padding.
TARGET static void filter_two_rows(uint8_t *const *out, const uint8_t *packed, const struct axis *x) {
    const __m256i drop_fourth =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const int32_t(*weights)[4] = (const int32_t(*)[4])x->weights;
    for (int i = 0; i < x->size; i += 4) {
        __m256i pixels[4];
        for (int k = 0; k < 4; k++, weights += x->groups)
            pixels[k] = filter_pixel(packed + KERNEL_GROUP / 4 * (size_t)x->start[i + k], weights, x->groups);
        __m256i bytes = _mm256_shuffle_epi8(to_bytes(pixels), drop_fourth);
        _mm_storeu_si128((__m128i *)(out[0] + 3 * i), _mm256_castsi256_si128(bytes));
        _mm_storeu_si128((__m128i *)(out[1] + 3 * i), _mm256_extracti128_si256(bytes, 1));
    }
}

static void horizontal(uint8_t *const *out, const uint8_t *const *rows, const struct axis *x, uint8_t *scratch) {
    resize_pack(scratch, rows, x->count);
    for (int i = 0; i < KERNEL_ROWS; i += 2) filter_two_rows(out + i, scratch + 16 * i, x);
}

// taps[k] lane j: column 16 * lane128 + 4k + j of the four rows. Interleaving bytes of rows 0, 1 and of 2, 3, then
// words of the two, puts the four taps of a column into one lane; to_bytes undoes the order, which stays within 128
// bits.
TARGET static inline void interleave(__m256i taps[4], const uint8_t *const *rows, size_t at) {
    __m256i row[4];
    for (int r = 0; r < 4; r++) row[r] = _mm256_loadu_si256((const __m256i *)(rows[r] + at));
    __m256i ab_low = _mm256_unpacklo_epi8(row[0], row[1]), ab_high = _mm256_unpackhi_epi8(row[0], row[1]);
    __m256i cd_low = _mm256_unpacklo_epi8(row[2], row[3]), cd_high = _mm256_unpackhi_epi8(row[2], row[3]);
    taps[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
    taps[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
    taps[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
    taps[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}

TARGET static void vertical(uint8_t *out, const uint8_t *const *rows, const int32_t (*weights)[4], int groups,
                            size_t size) {
    for (size_t i = 0; i < size; i += 32) {
        struct sums sums[4] = {sums_begin(), sums_begin(), sums_begin(), sums_begin()};
        for (int g = 0; g < groups; g++) {
            __m256i taps[4];
            interleave(taps, rows + 4 * g, i);
            for (int k = 0; k < 4; k++) sums_add(&sums[k], taps[k], weights[g]);
        }
        __m256i lanes[4];
        for (int k = 0; k < 4; k++) lanes[k] = sums_end(&sums[k]);
        _mm256_storeu_si256((__m256i *)(out + i), to_bytes(lanes));
    }
}

const struct resize_kernels resize_avx2 = {"avx2", ISA_V3, usable, prepare, horizontal, vertical};
