// The versions of a draw's loops against plain C of one token after the other, bit for bit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/generate/draw_kernels.h"

enum { LARGE = 49408 };

// ---- plain C

static double plain_weight(float score, float highest, double temperature) {
    static const double factorial[] = {6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040,
                                       720,        120,       24,       6,       2,      1,     1};
    const double quotient = ((double)score - highest) / temperature, x = quotient > -700 ? quotient : -700;
    const double shifted = x * 0x1.71547652b82fep0 + 0x1.8p52, n = shifted - 0x1.8p52;
    const double r = x - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
    double sum = 0;
    for (int i = 0; i < 14; i++) sum = sum * r + 1 / factorial[i];
    uint64_t bits, exponent;
    memcpy(&bits, &sum, sizeof bits);
    memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 52;
    memcpy(&sum, &bits, sizeof sum);
    return sum;
}

static float plain_highest(const float *score, int V) {
    float highest = score[0];
    for (int v = 1; v < V; v++) highest = score[v] > highest ? score[v] : highest;
    return highest;
}

static int plain_bucket(float score, float highest) {
    const float place = (highest - score) * DRAW_BUCKETS_OF_ONE;
    return place < DRAW_BUCKETS - 1 ? (int)place : DRAW_BUCKETS - 1;
}

// ---- scores

enum { FLAT, WIDE, HUGE_ONES, EQUAL, FORBIDDEN, ODD, NONE, KINDS };

static float draw_score(struct random_key key, int v, int kind) {
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0F, -NAN, 1, -1};
    const double normal = random_normal(key, (uint64_t)v);
    const bool some = random_below(random_subkey(key, 1), (uint64_t)v, 7) == 0;
    switch (kind) {
    case WIDE: return (float)(30 * normal);
    case HUGE_ONES: return (float)(1e38 * normal);
    case EQUAL: return (float)floor(2 * normal);
    case FORBIDDEN: return some ? -INFINITY : (float)normal;
    case ODD: return v && some ? odd[(int)(8 * fabs(normal)) % 8] : (float)normal;
    case NONE: return NAN;
    default: return (float)normal;
    }
}

// In a block of its own size, so that a sanitizer sees what is read behind it.
static float *draw_scores(int V, int kind) {
    const struct random_key key = random_subkey(random_key(1, "scores"), (uint64_t)(KINDS * V + kind));
    float *score = xmalloc((size_t)V * sizeof *score);
    for (int v = 0; v < V; v++) score[v] = draw_score(key, v, kind);
    return score;
}

// ---- comparisons

static void check_weights(const struct draw_kernels *kernels, const float *score, int V, float highest) {
    static const double temperature[] = {1, 0.7, 1e-3, 30};
    double *weight = xmalloc((size_t)V * sizeof *weight);
    for (int t = 0; t < 4; t++) {
        kernels->weigh(weight, score, V, highest, temperature[t]);
        for (int v = 0; v < V; v++) {
            const double expected = plain_weight(score[v], highest, temperature[t]);
            assert_memory_equal(&weight[v], &expected, sizeof expected);
        }
    }
    free(weight);
}

static void check_found(const struct draw_kernels *kernels, const uint16_t *bucket, int V, int first, int last) {
    int32_t *token = xmalloc((size_t)V * sizeof *token);
    const int found = kernels->find(token, bucket, V, first, last);
    int n = 0;
    for (int v = 0; v < V; v++)
        if (bucket[v] >= first && bucket[v] <= last) assert_int_equal(token[n++], v);
    assert_int_equal(found, n);
    free(token);
}

static void check_buckets(const struct draw_kernels *kernels, const float *score, int V, float highest) {
    uint16_t *bucket = xmalloc((size_t)V * sizeof *bucket);
    struct draw_dealt dealt = kernels->deal(bucket, score, V, highest);
    for (int v = 0; v < V; v++) {
        assert_int_equal(bucket[v], plain_bucket(score[v], highest));
        dealt.last -= bucket[v] == DRAW_BUCKETS - 1;
        dealt.forbidden -= score[v] == -INFINITY;
    }
    assert_true(dealt.last == 0 && dealt.forbidden == 0);
    check_found(kernels, bucket, V, 0, DRAW_BUCKETS - 1);
    check_found(kernels, bucket, V, 0, bucket[V / 2]);
    check_found(kernels, bucket, V, bucket[V / 2], bucket[V / 2]);
    check_found(kernels, bucket, V, DRAW_BUCKETS - 1, DRAW_BUCKETS - 1);
    free(bucket);
}

static void check(const struct draw_kernels *kernels, int V) {
    for (int kind = 0; kind < KINDS; kind++) {
        float *score = draw_scores(V, kind);
        const float highest = kernels->highest(score, V), expected = plain_highest(score, V);
        assert_true(highest == expected || (isnan(highest) && isnan(expected)));
        check_weights(kernels, score, V, highest);
        check_buckets(kernels, score, V, highest);
        free(score);
    }
}

static void test_versions_agree(void **state) {
    (void)state;
    for (const struct draw_kernels *const *version = draw_versions; *version; version++) {
        if (!(*version)->usable()) continue;
        for (int V = 1; V <= 300; V++) check(*version, V);
        check(*version, LARGE);
    }
}

static void test_weights_are_exponentials(void **state) {
    (void)state;
    for (int i = 0; i <= 7000; i++) {
        const float score = (float)(-i / 10.0);
        double weight;
        draw_fastest()->weigh(&weight, &score, 1, 0, 1);
        assert_true(fabs(weight / exp(score) - 1) < 0x1p-51);
    }
}

static void test_level_holds_versions_back(void **state) {
    (void)state;
    static const char *const level[] = {[ISA_V2] = "v2", [ISA_V3] = "v3", [ISA_V4] = "v4"};
    for (enum isa isa = ISA_V2; isa <= ISA_V4; isa++) {
        setenv("COCA_ISA", level[isa], 1);
        assert_true(draw_fastest()->isa <= isa);
    }
    unsetenv("COCA_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_agree),
        cmocka_unit_test(test_weights_are_exponentials),
        cmocka_unit_test(test_level_holds_versions_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
