// The reference against values worked out by hand or in closed form.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/ops.h"

static struct ops *ops;

static int open_reference(void **state) {
    (void)state;
    return ops_open(&ops, "reference", DT_REAL, 0);
}

static int close_reference(void **state) {
    (void)state;
    ops_close(&ops);
    return 0;
}

static void assert_near(const float *found, const float *expected, int n) {
    for (int i = 0; i < n; i++) assert_true(fabsf(found[i] - expected[i]) <= 2e-6f * fmaxf(1, fabsf(expected[i])));
}

// Two rows of three to two columns, in both layouts of the same matrix.
static void test_linear(void **state) {
    (void)state;
    const float in[] = {1, 2, 3, -1, 0, 4}, by_out[] = {1, 0, -1, 2, 1, 1}, by_in[] = {1, 2, 0, 1, -1, 1};
    const float bias[] = {10, 20}, residual[] = {100, 200, 300, 400};
    float out[4];
    ops->linear_forward(ops, out, in, by_out, bias, residual, (struct linear_shape){2, 3, 2, WEIGHT_OUT_IN, NULL});
    assert_near(out, (float[]){108, 227, 305, 422}, 4);
    ops->linear_forward(ops, out, in, by_in, NULL, NULL, (struct linear_shape){2, 3, 2, WEIGHT_IN_OUT, NULL});
    assert_near(out, (float[]){-2, 7, -5, 2}, 4);
}

static void test_activations(void **state) {
    (void)state;
    const float in[] = {-1, 0, 2}, one[] = {1};
    float out[3], pre[3];
    struct linear_shape shape = {3, 1, 1, WEIGHT_OUT_IN, NULL};
    ops->linear_activation_forward(ops, out, pre, in, one, NULL, shape, ACTIVATION_GELU);
    assert_near(out, (float[]){-0.15865525f, 0, 1.9544997f}, 3);
    assert_near(pre, in, 3);
    ops->linear_activation_forward(ops, out, pre, in, one, NULL, shape, ACTIVATION_QUICK_GELU);
    assert_near(out, (float[]){-0.15420423f, 0, 1.9356586f}, 3);
}

static void test_layernorm(void **state) {
    (void)state;
    const float in[] = {1, 3, 5, 7}, weight[] = {1, 1, 2, 2}, bias[] = {0, 1, 0, 1};
    float out[4], mean, rstd;
    ops->layernorm_forward(ops, out, &mean, &rstd, in, weight, bias, 1, 4);
    assert_near(&mean, (float[]){4}, 1);
    assert_near(&rstd, (float[]){0.44721315f}, 1); // 1/√(5 + 1e-5)
    assert_near(out, (float[]){-1.34163945f, 0.55278685f, 0.8944263f, 3.6832789f}, 4);
}

static void test_normalize(void **state) {
    (void)state;
    const float in[] = {3, -4, 0, 0};
    float out[4], norm[2];
    ops->normalize_forward(ops, out, norm, in, 2, 2);
    assert_near(out, (float[]){0.6f, -0.8f, 0, 0}, 4);
    assert_near(norm, (float[]){5, 1e-12f}, 2);
}

// One query of width 4 (scores halved) against two keys; the third key is not valid.
static void test_attention(void **state) {
    (void)state;
    const float q[] = {1, 1, 0, 0}, k[] = {2, 2, 0, 0, 0, 0, 5, 5, 9, 9, 9, 9};
    const float v[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7, 7};
    const int32_t start[] = {0}, q_count[] = {1}, k_count[] = {3}, no_keys[] = {0};
    const uint8_t valid[] = {1, 1, 0};
    struct attention_shape shape = {1, 1, 4, 4, 4, 4, 1, 3, false, start, q_count, start, k_count, NULL, valid};
    float out[4], lse, p = (float)(exp(2) / (exp(2) + 1));
    ops->attention_forward(ops, out, &lse, q, k, v, &shape);
    assert_near(out, (float[]){p, 1 - p, 0, 0}, 4);
    assert_near(&lse, (float[]){(float)log(exp(2) + 1)}, 1);
    shape.k_count = no_keys;
    ops->attention_forward(ops, out, &lse, q, k, v, &shape);
    assert_near(out, (float[]){0, 0, 0, 0}, 4);
    assert_near(&lse, (float[]){0}, 1);
}

// Causal lines up the ends: with two queries and three keys the first query sees two.
static void test_causal(void **state) {
    (void)state;
    const float q[] = {0, 0}, k[] = {0, 0, 0}, v[] = {3, 6, 12};
    const int32_t start[] = {0}, q_count[] = {2}, k_count[] = {3}, one_key[] = {1};
    struct attention_shape shape = {1, 1, 1, 1, 1, 1, 2, 3, true, start, q_count, start, k_count, NULL, NULL};
    float out[2];
    ops->attention_forward(ops, out, NULL, q, k, v, &shape);
    assert_near(out, (float[]){4.5f, 7}, 2);
    shape.k_count = one_key;
    ops->attention_forward(ops, out, NULL, q, k, v, &shape);
    assert_near(out, (float[]){0, 3}, 2);
}

// A picture of 4 × 4 in patches of 2: elements by channel, row, column.
static void test_patches(void **state) {
    (void)state;
    const float mean[] = {0, 0, 0.5f}, std[] = {1, 0.5f, 1};
    uint8_t pixels[48];
    float out[48];
    for (int i = 0; i < 48; i++) pixels[i] = (uint8_t)(i * 5);
    ops->patches(ops, out, pixels, mean, std, 1, 4, 2);
    const float *second = out + 12; // top right: pixels (0,2), (0,3), (1,2), (1,3)
    assert_near(second, (float[]){30 / 255.0f, 45 / 255.0f, 90 / 255.0f, 105 / 255.0f}, 4);
    assert_near(second + 4, (float[]){70 / 255.0f, 100 / 255.0f, 190 / 255.0f, 220 / 255.0f}, 4);
    assert_near(second + 8, (float[]){40 / 255.0f - 0.5f, 55 / 255.0f - 0.5f, 100 / 255.0f - 0.5f, 115 / 255.0f - 0.5f},
                4);
}

static void test_cross_entropy(void **state) {
    (void)state;
    const int32_t target[] = {1, -1};
    float logits[] = {5, 5, 5, 5, 1, 2, 3, 4};
    double total = 10;
    ops->cross_entropy(ops, &total, logits, target, &(float){4}, true, 2, 4);
    assert_true(fabs(total - 10 - log(4)) < 1e-6);
    assert_near(logits, (float[]){1, -3, 1, 1, 0, 0, 0, 0}, 8);
}

// Two orthogonal pairs: of the scaled logits [s 0; 0 s], off the diagonal twice the softmax.
static void test_contrastive(void **state) {
    (void)state;
    float x[] = {1, 0, 0, 1}, lse[2], p = (float)(1 / (exp(2) + 1));
    double d_scale = 0;
    ops->row_logsumexp(ops, lse, x, 2, 2, 2);
    assert_near(lse, (float[]){(float)log(exp(2) + 1), (float)log(exp(2) + 1)}, 2);
    ops->contrastive_gradient(ops, x, &d_scale, lse, lse, 2, 0.5f, 0, 2, 2);
    assert_near(x, (float[]){-p, p, p, -p}, 4);
    assert_true(fabs(d_scale + 2 * p) < 1e-6);
}

// Of two orthogonal pairs with logits [s+b b; b s+b]: what belongs together is wanted above 0, the rest below.
static void test_sigmoid_loss(void **state) {
    (void)state;
    float x[] = {1, 0, 0, 1};
    double sums[3] = {0}, own = 1 / (1 + exp(2 - 1)), other = 1 / (1 + exp(1)); // σ(−l) and σ(l)
    ops->sigmoid_loss(ops, sums, x, 2, -1, 0.5f, true, 0, 2, 2);
    assert_near(x, (float[]){(float)(-own / 2), (float)(other / 2), (float)(other / 2), (float)(-own / 2)}, 4);
    assert_true(fabs(sums[0] + 2 * log(1 - own) + 2 * log(1 - other)) < 1e-6);
    assert_true(fabs(sums[1] + own) < 1e-6);
    assert_true(fabs(sums[2] - other + own) < 1e-6);
}

// A first update moves by lr·sign(g), after the decay.
static void test_adamw(void **state) {
    (void)state;
    float p[] = {1, 2}, m[2] = {0}, v[2] = {0};
    const float g[] = {0.5f, -3};
    struct adamw_step step = {0.1, 0.9, 0.99, 0, 0.5, 1 - 0.9, 1 - 0.99, 2};
    ops->adamw(ops, p, m, v, g, 2, &step);
    assert_near(p, (float[]){0.95f - 0.1f, 1.9f + 0.1f}, 2);
    assert_near(m, (float[]){0.1f, -0.6f}, 2);
    assert_near(v, (float[]){0.01f, 0.36f}, 2);
}

static void test_moving_average(void **state) {
    (void)state;
    float e[] = {1, -1};
    const float p[] = {2, 0};
    ops->moving_average(ops, e, p, 0.75, 2);
    assert_near(e, (float[]){1.25f, -0.75f}, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),      cmocka_unit_test(test_activations),
        cmocka_unit_test(test_layernorm),   cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_attention),   cmocka_unit_test(test_causal),
        cmocka_unit_test(test_patches),     cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_contrastive), cmocka_unit_test(test_sigmoid_loss),
        cmocka_unit_test(test_adamw),       cmocka_unit_test(test_moving_average),
    };
    return cmocka_run_group_tests(tests, open_reference, close_reference);
}
