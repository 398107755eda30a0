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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_min_length_holds_eos_back),
        cmocka_unit_test(test_repetition_penalty),
        cmocka_unit_test(test_draws_follow_the_softmax),
        cmocka_unit_test(test_top_k_and_top_p_cut_the_tail),
        cmocka_unit_test(test_a_draw_is_a_function_of_seed_picture_and_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
