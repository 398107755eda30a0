// The passes of resize_kernels.h for AVX2. vpmaddwd sums two products of signed 16-bit words in each 32-bit lane: two
// taps, a pair. Weights have 24 bits, so each is split into two digits, w = low + 4096 high with -2048 <= low < 2048,
// whose sums are gathered apart and joined at the end. Sums of digits may wrap around; the joined sum is right modulo
// 2^32, and it fits (resize_axis.h). So the results are those of resize_plain.c, bit for bit. Products are what takes
// the time, so none is made of a fourth colour, nor of a pair of taps that weigh nothing in every output.
#include <immintrin.h>
#include <string.h>

#include "image/resize_kernels.h"

#define TARGET __attribute__((target("avx2")))

enum {
    DIGIT_BITS = 12,
    DIGIT = 1 << DIGIT_BITS,
    PAIR = 3 * 2 * 2 * KERNEL_ROWS, // bytes of two packed pixels: reds, greens, blues; of each row two words
};

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

// The words of two taps beside each other.
static int32_t pair(int32_t first, int32_t second) {
    return (int32_t)((uint32_t)first & 0xffff) | (int32_t)((uint32_t)second << 16);
}

// Two weights become their low digits and their high ones.
static void prepare_pair(int32_t weights[2]) {
    int32_t low[2], high[2];
    for (int t = 0; t < 2; t++) {
        low[t] = ((weights[t] + DIGIT / 2) & (DIGIT - 1)) - DIGIT / 2;
        high[t] = (weights[t] - low[t]) >> DIGIT_BITS;
    }
    weights[0] = pair(low[0], low[1]);
    weights[1] = pair(high[0], high[1]);
}

static void prepare(int32_t (*weights)[4], size_t groups) {
    for (size_t i = 0; i < groups; i++) {
        prepare_pair(weights[i]);
        prepare_pair(weights[i] + 2);
    }
}

struct sums {
    __m256i low, high;
};

TARGET static inline struct sums sums_begin(void) {
    return (struct sums){_mm256_set1_epi32(1 << (WEIGHT_BITS - 1)), _mm256_setzero_si256()};
}

// Each 32-bit lane of `taps` holds two elements as words, which weigh `weights`.
TARGET static inline void sums_add(struct sums *sums, __m256i taps, const int32_t weights[2]) {
    sums->low = _mm256_add_epi32(sums->low, _mm256_madd_epi16(taps, _mm256_set1_epi32(weights[0])));
    sums->high = _mm256_add_epi32(sums->high, _mm256_madd_epi16(taps, _mm256_set1_epi32(weights[1])));
}

TARGET static inline __m256i sums_end(const struct sums *sums) {
    return _mm256_srai_epi32(_mm256_add_epi32(sums->low, _mm256_slli_epi32(sums->high, DIGIT_BITS)), WEIGHT_BITS);
}

// Lanes of four vectors to bytes, in order within each 128 bits. Twice with saturation, which is the cut at 0 and 255.
TARGET static inline __m256i to_bytes(const __m256i lanes[4]) {
    return _mm256_packus_epi16(_mm256_packs_epi32(lanes[0], lanes[1]), _mm256_packs_epi32(lanes[2], lanes[3]));
}

// Four pixels of a row, and of the one four below in the upper 128 bits: each colour's in 32 bits, 0, 2, 1, 3.
TARGET static inline __m256i load_rows(const uint8_t *row, const uint8_t *fourth_below) {
    const __m256i by_colour =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11, -1, -1, -1, -1));
    const __m256i rows = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)row)),
                                                 _mm_loadu_si128((const __m128i *)fourth_below), 1);
    return _mm256_shuffle_epi8(rows, by_colour);
}

// One colour of four pixels, a row in each lane: bytes 0 and 1 of the order above are even, 2 and 3 odd.
TARGET static inline void store_colour(uint8_t *packed, __m256i pixels) {
    _mm256_store_si256((__m256i *)packed, _mm256_and_si256(pixels, _mm256_set1_epi16(0xff)));
    _mm256_store_si256((__m256i *)(packed + PAIR), _mm256_srli_epi16(pixels, 8));
}

// Four pixels of KERNEL_ROWS rows become two pairs.
TARGET static inline void pack_pixels(uint8_t *packed, const uint8_t *const *rows, size_t at) {
    __m256i row[4];
    for (int r = 0; r < 4; r++) row[r] = load_rows(rows[r] + at, rows[r + 4] + at);
    const __m256i first = _mm256_unpacklo_epi32(row[0], row[1]), second = _mm256_unpacklo_epi32(row[2], row[3]);
    store_colour(packed, _mm256_unpacklo_epi64(first, second));
    store_colour(packed + PAIR / 3, _mm256_unpackhi_epi64(first, second));
    store_colour(packed + PAIR / 3 * 2,
                 _mm256_unpacklo_epi64(_mm256_unpackhi_epi32(row[0], row[1]), _mm256_unpackhi_epi32(row[2], row[3])));
}

// A load takes 16 bytes and uses 12, so the last one or two groups go through a copy, not to read behind the rows.
TARGET static void pack(uint8_t *packed, const uint8_t *const *rows, size_t size) {
    size_t at = 0;
    for (; at + 16 <= size; at += 12, packed += 2 * PAIR) pack_pixels(packed, rows, at);
    uint8_t last[KERNEL_ROWS][32] = {{0}};
    const uint8_t *copies[KERNEL_ROWS];
    for (int r = 0; r < KERNEL_ROWS; r++) copies[r] = memcpy(last[r], rows[r] + at, size - at);
    for (size_t done = 0; done < size - at; done += 12, packed += 2 * PAIR) pack_pixels(packed, copies, done);
}

// One output pixel in KERNEL_ROWS rows, a vector for each colour.
TARGET static inline void filter_pixel(__m256i colours[3], const uint8_t *packed, const int32_t *weights, int pairs) {
    struct sums sums[3] = {sums_begin(), sums_begin(), sums_begin()};
    for (int p = 0; p < pairs; p++, packed += PAIR, weights += 2)
        for (int c = 0; c < 3; c++)
            sums_add(&sums[c], _mm256_load_si256((const __m256i *)(packed + PAIR / 3 * c)), weights);
    for (int c = 0; c < 3; c++) colours[c] = sums_end(&sums[c]);
}

// Four of the twelve bytes that four pixels have in each row; a row in each lane.
TARGET static inline __m256i bytes_of_rows(const __m256i colours[4]) {
    const __m256i by_row =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    return _mm256_shuffle_epi8(to_bytes(colours), by_row);
}

// Row 0 is in the low 128 bits, row 4 in the high ones. 12 bytes are stored as 16: the next store overwrites the rest,
// or it falls into the padding.
TARGET static inline void store_rows(uint8_t *const *out, size_t at, __m256i rows) {
    _mm_storeu_si128((__m128i *)(out[0] + at), _mm256_castsi256_si128(rows));
    _mm_storeu_si128((__m128i *)(out[4] + at), _mm256_extracti128_si256(rows, 1));
}

TARGET static inline void store_pixels(uint8_t *const *out, size_t at, const __m256i colours[12]) {
    const __m256i first = bytes_of_rows(colours), second = bytes_of_rows(colours + 4);
    const __m256i third = bytes_of_rows(colours + 8);
    const __m256i low = _mm256_unpacklo_epi32(first, second), low_third = _mm256_unpacklo_epi32(third, third);
    const __m256i high = _mm256_unpackhi_epi32(first, second), high_third = _mm256_unpackhi_epi32(third, third);
    store_rows(out, at, _mm256_unpacklo_epi64(low, low_third));
    store_rows(out + 1, at, _mm256_unpackhi_epi64(low, low_third));
    store_rows(out + 2, at, _mm256_unpacklo_epi64(high, high_third));
    store_rows(out + 3, at, _mm256_unpackhi_epi64(high, high_third));
}

TARGET static void horizontal(uint8_t *const *out, const uint8_t *const *rows, const struct axis *x, uint8_t *scratch) {
    const int32_t *weights = x->weights;
    const int pairs = (x->longest + 1) / 2;
    pack(scratch, rows, 3 * (size_t)x->count);
    for (int i = 0; i < x->size; i += 4) {
        __m256i colours[12];
        for (int k = 0; k < 4; k++, weights += 4 * x->groups)
            filter_pixel(colours + 3 * k, scratch + PAIR * (size_t)(x->start[i + k] / 2), weights, pairs);
        store_pixels(out, 3 * (size_t)i, colours);
    }
}

// taps[k] lane j: column 16 * lane128 + 4k + j of the two rows. Interleaving their bytes puts the two taps of a column
// beside each other, interleaving with zeros makes words of them; to_bytes undoes the order, which stays within 128
// bits.
TARGET static inline void interleave(__m256i taps[4], const uint8_t *first, const uint8_t *second) {
    const __m256i a = _mm256_loadu_si256((const __m256i *)first), b = _mm256_loadu_si256((const __m256i *)second);
    const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b), zero = _mm256_setzero_si256();
    taps[0] = _mm256_unpacklo_epi8(low, zero);
    taps[1] = _mm256_unpackhi_epi8(low, zero);
    taps[2] = _mm256_unpacklo_epi8(high, zero);
    taps[3] = _mm256_unpackhi_epi8(high, zero);
}

TARGET static void vertical(uint8_t *out, const uint8_t *const *rows, const int32_t (*weights)[4], int groups,
                            size_t size) {
    const int32_t *last = weights[groups - 1];
    const int pairs = 2 * groups - (last[2] || last[3] ? 0 : 1);
    for (size_t i = 0; i < size; i += 32) {
        struct sums sums[4] = {sums_begin(), sums_begin(), sums_begin(), sums_begin()};
        for (int p = 0; p < pairs; p++) {
            __m256i taps[4];
            interleave(taps, rows[2 * p] + i, rows[2 * p + 1] + i);
            for (int k = 0; k < 4; k++) sums_add(&sums[k], taps[k], weights[p / 2] + p % 2 * 2);
        }
        __m256i lanes[4];
        for (int k = 0; k < 4; k++) lanes[k] = sums_end(&sums[k]);
        _mm256_storeu_si256((__m256i *)(out + i), to_bytes(lanes));
    }
}

const struct resize_kernels resize_avx2 = {"avx2", ISA_V3, 2, 2 * PAIR, usable, prepare, horizontal, vertical};
