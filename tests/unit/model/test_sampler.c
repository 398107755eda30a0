// The choice of a token from its logits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "model/generate/sampler.h"

#define V 8

static const struct text_config config = {.vocab_size = V, .pad_id = 0, .bos_id = 1, .eos_id = 2};
static const int32_t begun[] = {1};

static int32_t choose(const struct generate_options *options, const float *logits, const int32_t *token, int length,
                      int64_t id) {
    struct sampler sampler;
    sampler_init(&sampler, (struct score_rules){&config, options, FAMILY_PAPER});
    int32_t chosen = sampler_choose(&sampler, logits, token, length, sampler_key(&sampler, id, 0));
    sampler_release(&sampler);
    return chosen;
}

static struct generate_options neutral(void) {
    return (struct generate_options){.temperature = 1, .top_p = 1, .repetition_penalty = 1};
}

static void test_greedy(void **state) {
    (void)state;
    struct generate_options options = neutral();
    assert_int_equal(choose(&options, (float[V]){9, 9, 1, 2, 3, 4, 5, 4}, begun, 1, 0), 6);
    assert_int_equal(choose(&options, (float[V]){9, 9, 1, 2, 7, 4, 7, 4}, begun, 1, 0), 4);
    assert_int_equal(choose(&options, (float[V]){9, 9, 8, 2, 7, 4, 7, 4}, begun, 1, 0), 2);
}

static void test_min_length_holds_eos_back(void **state) {
    (void)state;
    struct generate_options options = neutral();
    float logits[V] = {0, 0, 8, 1, 2, 0, 0, 0};
    int32_t token[] = {1, 3, 4};
    options.min_length = 3;
    assert_int_equal(choose(&options, logits, token, 1, 0), 4);
    assert_int_equal(choose(&options, logits, token, 2, 0), 4);
    assert_int_equal(choose(&options, logits, token, 3, 0), 2);
}

static void test_repetition_penalty(void **state) {
    (void)state;
    struct generate_options options = neutral();
    int32_t token[] = {1, 5, 5};
    options.repetition_penalty = 2;
    assert_int_equal(choose(&options, (float[V]){0, 0, 0, 2, 0, 3, 0, 0}, token, 3, 0), 3);
    assert_int_equal(choose(&options, (float[V]){0, 0, 0, 1, 0, 3, 0, 0}, token, 3, 0), 5);
    assert_int_equal(choose(&options, (float[V]){-9, -9, -9, -3, -9, -2, -9, -9}, token, 3, 0), 3);
}

// Counts what is drawn for many pictures.
static void draw_many(const struct generate_options *options, const float *logits, int draws, double share[V]) {
    for (int v = 0; v < V; v++) share[v] = 0;
    for (int id = 0; id < draws; id++) share[choose(options, logits, begun, 1, id)] += 1.0 / draws;
}

static void test_draws_follow_the_softmax(void **state) {
    (void)state;
    struct generate_options options = neutral();
    float logits[V] = {50, 50, -50, 0, 1, 2, -50, -50};
    double share[V], sum = 0;
    options.sample = true;
    options.temperature = 2;
    draw_many(&options, logits, 4000, share);
    for (int v = 3; v < 6; v++) sum += exp(logits[v] / 2);
    for (int v = 3; v < 6; v++) assert_true(fabs(share[v] - exp(logits[v] / 2) / sum) < 0.03);
    assert_true(share[0] == 0 && share[1] == 0);
}

static void test_top_k_and_top_p_cut_the_tail(void **state) {
    (void)state;
    float logits[V] = {0, 0, -50, logf(0.1f), logf(0.2f), logf(0.3f), logf(0.4f), -50};
    struct generate_options k = neutral(), p = neutral();
    double share[V];
    k.sample = p.sample = true;
    k.top_k = 2;
    draw_many(&k, logits, 2000, share);
    assert_true(share[3] == 0 && share[4] == 0 && fabs(share[6] - 4.0 / 7) < 0.05);
    p.top_p = 0.6;
    draw_many(&p, logits, 2000, share);
    assert_true(share[3] == 0 && share[4] == 0 && fabs(share[5] - 3.0 / 7) < 0.05);
    p.top_p = 0.75;
    draw_many(&p, logits, 2000, share);
    assert_true(share[3] == 0 && fabs(share[4] - 2.0 / 9) < 0.05);
    k.top_k = 1;
    draw_many(&k, logits, 50, share);
    assert_true(share[6] > 0.999);
}

static void test_a_draw_is_a_function_of_seed_picture_and_position(void **state) {
    (void)state;
    struct generate_options options = neutral(), other = neutral();
    float flat[V] = {0};
    int32_t token[64] = {1};
    int seed = 0, id = 0, position = 0;
    options.sample = other.sample = true;
    other.seed = 1;
    for (int i = 1; i < 40; i++) {
        int32_t chosen = choose(&options, flat, token, i, 7);
        assert_int_equal(chosen, choose(&options, flat, token, i, 7));
        seed += chosen != choose(&other, flat, token, i, 7);
        id += chosen != choose(&options, flat, token, i, 8);
        position += chosen != choose(&options, flat, token, i + 1, 7);
    }
    assert_true(seed > 20 && id > 20 && position > 20);
}

// ---- the quick draw

enum { MANY = 3000, CASES = 40, POINTS = 60 };

// Flat, peaked, with equal scores, and such that a bucket holds most of them.
static void fill_logits(float *logits, struct random_key key, int kind) {
    for (int v = 0; v < MANY; v++) {
        const double normal = random_normal(key, (uint64_t)v);
        logits[v] = (float)(kind == 0 ? normal : kind == 1 ? 6 * normal : kind == 2 ? floor(4 * normal) : 30 * normal);
    }
    if (kind == 3) logits[7] = 200;
}

static struct generate_options cut_by(struct random_key key) {
    struct generate_options options = neutral();
    const int kind = (int)random_below(key, 1, 3);
    options.sample = true;
    if (kind != 1) options.top_p = 0.02 + 0.97 * random_uniform(key, 2);
    if (kind != 0) options.top_k = 1 + (int)random_below(key, 3, 2 * MANY) / (int)(1 + random_below(key, 4, 99));
    if (random_below(key, 5, 2)) options.temperature = 0.3 + 3 * random_uniform(key, 6);
    return options;
}

static void test_the_quick_draw_is_the_plain_one(void **state) {
    (void)state;
    static const struct text_config many = {.vocab_size = MANY, .pad_id = 0, .bos_id = 1, .eos_id = 2};
    static float logits[MANY];
    for (int i = 0; i < CASES; i++) {
        const struct random_key key = random_subkey(random_key(4, "cases"), (uint64_t)i);
        const struct generate_options options = cut_by(key);
        struct sampler sampler;
        fill_logits(logits, key, i % 4);
        sampler_init(&sampler, (struct score_rules){&many, &options, FAMILY_PAPER});
        for (int j = 0; j < POINTS; j++) {
            const double point = random_uniform(key, (uint64_t)(MANY + j));
            const int32_t plain = sampler_draw(&sampler, logits, begun, 1, point);
            assert_int_equal(quick_draw(&sampler.quick, &options, sampler.score, point), plain);
        }
        sampler_release(&sampler);
    }
}

static void test_the_quick_draw_takes_whatever_comes(void **state) {
    (void)state;
    static const float last = 1 - 0x1p-53F;
    struct generate_options options = neutral();
    struct quick_draw draw;
    quick_draw_init(&draw, V);
    options.sample = true;
    for (options.top_k = 0; options.top_k < 3; options.top_k++) {
        options.top_p = options.top_k ? 1 : 0.5;
        for (int i = 0; i < 2; i++) {
            const double point = i ? (double)last : 0;
            const float alone[V] = {-INFINITY, -INFINITY, -INFINITY, 1, -INFINITY, -INFINITY, -INFINITY, -INFINITY};
            const float none[V] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}, high[V] = {INFINITY, 0, INFINITY};
            assert_int_equal(quick_draw(&draw, &options, alone, point), 3);
            assert_in_range(quick_draw(&draw, &options, none, point), 0, V - 1);
            assert_in_range(quick_draw(&draw, &options, high, point), 0, V - 1);
        }
    }
    quick_draw_release(&draw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_min_length_holds_eos_back),
        cmocka_unit_test(test_repetition_penalty),
        cmocka_unit_test(test_draws_follow_the_softmax),
        cmocka_unit_test(test_top_k_and_top_p_cut_the_tail),
        cmocka_unit_test(test_the_quick_draw_is_the_plain_one),
        cmocka_unit_test(test_the_quick_draw_takes_whatever_comes),
        cmocka_unit_test(test_a_draw_is_a_function_of_seed_picture_and_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
