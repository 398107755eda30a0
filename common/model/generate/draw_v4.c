// The loops of a draw with AVX-512; as draw_v3.c.
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq")

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define LANES 8
#define VERSION draw_v4
#define LEVEL ISA_V4

static bool usable(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static inline __m512d greater(__m512d a, __m512d b) {
    return _mm512_max_pd(a, b);
}

static inline uint32_t within(const uint16_t *bucket, int first, int span) {
    const __m512i above = _mm512_sub_epi16(_mm512_loadu_si512(bucket), _mm512_set1_epi16((short)first));
    return _mm512_cmple_epu16_mask(above, _mm512_set1_epi16((short)span));
}

#include "model/generate/draw_kernels.inc"
