// The loops of a draw on any x86-64, with vectors of 2.
#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define LANES 2
#define VERSION draw_v2
#define LEVEL ISA_V2

static bool usable(void) {
    return true;
}

static inline __m128d greater(__m128d a, __m128d b) {
    return _mm_max_pd(a, b);
}

static inline __m128i within_8(const uint16_t *bucket, int first, int span) {
    const __m128i above = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)bucket), _mm_set1_epi16((short)first));
    return _mm_cmpeq_epi16(_mm_subs_epu16(above, _mm_set1_epi16((short)span)), _mm_setzero_si128());
}

static inline uint32_t within_16(const uint16_t *bucket, int first, int span) {
    return (uint32_t)_mm_movemask_epi8(
        _mm_packs_epi16(within_8(bucket, first, span), within_8(bucket + 8, first, span)));
}

static inline uint32_t within(const uint16_t *bucket, int first, int span) {
    return within_16(bucket, first, span) | within_16(bucket + 16, first, span) << 16;
}

#include "model/generate/draw_kernels.inc"
