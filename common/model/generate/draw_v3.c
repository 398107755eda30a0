// The loops of a draw with AVX2. The pragma comes before all includes, so that every function below is compiled for
// those instructions, and nothing else of the program is.
#pragma GCC target("avx2")

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define LANES 4
#define VERSION draw_v3
#define LEVEL ISA_V3

static bool usable(void) {
    return __builtin_cpu_supports("avx2");
}

static inline __m256d greater(__m256d a, __m256d b) {
    return _mm256_max_pd(a, b);
}

static inline __m256i within_16(const uint16_t *bucket, int first, int span) {
    const __m256i above =
        _mm256_sub_epi16(_mm256_loadu_si256((const __m256i *)bucket), _mm256_set1_epi16((short)first));
    return _mm256_cmpeq_epi16(_mm256_subs_epu16(above, _mm256_set1_epi16((short)span)), _mm256_setzero_si256());
}

// A pack puts halves of both beside each other.
static inline uint32_t within(const uint16_t *bucket, int first, int span) {
    const __m256i both = _mm256_packs_epi16(within_16(bucket, first, span), within_16(bucket + 16, first, span));
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, _MM_SHUFFLE(3, 1, 2, 0)));
}

#include "model/generate/draw_kernels.inc"
