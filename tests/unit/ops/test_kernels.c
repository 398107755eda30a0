// Error bounds of the vector functions inside the kernels, for each table that this CPU can run, in f32.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/cpu/kernels.h"

enum { POINTS = 400000 };
static float at[POINTS], one[POINTS], found[POINTS], other[POINTS];

static const struct kernels *const tables[] = {&kernels_v2_f32, &kernels_v3_f32, &kernels_v4_f32, &kernels_v4_vnni_f32};
enum { TABLES = sizeof tables / sizeof *tables };

// The tables that this CPU can run: each has the instructions of those before it.
static int table_count(void) {
    int count = 1;
    while (count < TABLES && kernels_run(tables[count])) count++;
    return count;
}

static void spread(double low, double high) {
    for (int i = 0; i < POINTS; i++) {
        at[i] = (float)(low + (high - low) * i / (POINTS - 1));
        one[i] = 1;
    }
}

static double cdf(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double worst(double (*exact)(double x)) {
    double largest = 0;
    for (int i = 0; i < POINTS; i++) largest = fmax(largest, fabs(found[i] - exact(at[i])));
    return largest;
}

static double gelu(double x) {
    return x * cdf(x);
}

static double gelu_slope(double x) {
    return cdf(x) + x * exp(-0.5 * x * x) / sqrt(2 * M_PI);
}

static double quick_gelu(double x) {
    return x / (1 + exp(-1.702 * x));
}

static double quick_gelu_slope(double x) {
    double s = 1 / (1 + exp(-1.702 * x));
    return s + 1.702 * x * s * (1 - s);
}

static void test_activations(void **state) {
    (void)state;
    static const struct {
        enum activation activation;
        double (*value)(double x), (*slope)(double x);
        double value_bound, slope_bound;
    } rows[] = {{ACTIVATION_GELU, gelu, gelu_slope, 5e-7, 3e-7},
                {ACTIVATION_QUICK_GELU, quick_gelu, quick_gelu_slope, 1e-6, 2e-6}};
    spread(-15, 15);
    for (int t = 0; t < table_count(); t++)
        for (int i = 0; i < 2; i++) {
            tables[t]->finish_activation(found, other, at, NULL, POINTS, rows[i].activation);
            assert_true(worst(rows[i].value) < rows[i].value_bound);
            tables[t]->finish_slope(found, one, at, POINTS, rows[i].activation);
            assert_true(worst(rows[i].slope) < rows[i].slope_bound);
        }
}

// Far out there is the line itself or nothing.
static void test_large_activations(void **state) {
    (void)state;
    static const float x[] = {-1e30f, -1e4f, -400, -88, -60, 60, 88, 400, 1e4f, 1e30f};
    enum { COUNT = sizeof x / sizeof *x };
    for (int t = 0; t < table_count(); t++)
        for (int i = 0; i < 2; i++) {
            enum activation activation = i ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
            tables[t]->finish_activation(found, other, x, NULL, COUNT, activation);
            for (int j = 0; j < COUNT; j++) assert_true(fabsf(found[j] - fmaxf(x[j], 0)) <= 1e-6f * fabsf(x[j]));
            tables[t]->finish_slope(found, one, x, COUNT, activation);
            for (int j = 0; j < COUNT; j++) assert_true(fabsf(found[j] - (float)(x[j] > 0)) <= 1e-6f);
        }
}

// exp comes out of a contrastive gradient whose other half is exp(−∞).
static void test_exponential(void **state) {
    (void)state;
    for (int i = 0; i < POINTS; i++) other[i] = INFINITY;
    for (int t = 0; t < table_count(); t++) {
        double unused;
        spread(-87, 88);
        for (int i = 0; i < POINTS; i++) found[i] = at[i];
        tables[t]->contrastive_gradient(&unused, found, 0, other, 1, 1, -1, POINTS);
        for (int i = 0; i < POINTS; i++) assert_true(fabs(found[i] / exp(at[i]) - 1) < 2e-7);
        spread(-1000, -87.4);
        for (int i = 0; i < POINTS; i++) found[i] = at[i];
        tables[t]->contrastive_gradient(&unused, found, 0, other, 1, 1, -1, POINTS);
        for (int i = 0; i < POINTS; i++) assert_true(found[i] >= 0 && found[i] < 1.2e-38f);
    }
}

// The loss of one pair that does not belong together, log(1 + exp(l)), and of one that does, and their slopes.
static void test_sigmoid_loss(void **state) {
    (void)state;
    for (int t = 0; t < table_count(); t++)
        for (int i = 0; i <= 400; i++) {
            double l = -80 + 0.4 * i, sums[3];
            for (int own = 0; own < 2; own++) {
                float x = (float)l;
                tables[t]->sigmoid_loss(sums, &x, 1, 0, 1, true, own - 1, 1);
                double against = own ? -(double)(float)l : (double)(float)l, sigmoid = 1 / (1 + exp(-against));
                double loss = fmax(against, 0) + log1p(exp(-fabs(against)));
                assert_true(fabs(sums[0] / loss - 1) < 4e-7);
                assert_true(fabs(x / (own ? -sigmoid : sigmoid) - 1) < 4e-7);
            }
        }
}

// What is not a number must reach the end, where the step is skipped for it.
static void test_not_a_number(void **state) {
    (void)state;
    for (int t = 0; t < table_count(); t++) {
        float x[3] = {1, NAN, 2}, pre[3], out[3], lse;
        double nll;
        tables[t]->finish_activation(out, pre, x, NULL, 3, ACTIVATION_GELU);
        assert_true(isnan(pre[1]) && isnan(out[1]) && !isnan(out[2]));
        tables[t]->logsumexp(&lse, x, 1, 3);
        assert_true(isnan(lse));
        tables[t]->cross_entropy(&nll, x, 0, 1, false, 3);
        assert_true(isnan(nll));
        double sums[3];
        tables[t]->sigmoid_loss(sums, x, 1, 0, 1, false, 0, 3);
        assert_true(isnan(sums[0]));
    }
}

static void test_bf16(void **state) {
    (void)state;
    static const float values[] = {1, -0.0f, 1.00390625f, 1.01171875f, 3.3e38f, 3.4e38f, INFINITY, -INFINITY, 1e-40f};
    enum { VALUES = sizeof values / sizeof *values };
    for (int t = 0; t < table_count(); t++) {
        uint16_t half[VALUES + 1];
        float back[VALUES + 1], in[VALUES + 1];
        uint32_t bits = 0x7fffffff; // a NaN whose payload rounding would carry into the sign
        for (int i = 0; i < VALUES; i++) in[i] = values[i];
        memcpy(&in[VALUES], &bits, sizeof bits);
        tables[t]->narrow_bf16(half, in, VALUES + 1);
        for (int i = 0; i < VALUES; i++) assert_int_equal(half[i], f32_to_bf16(values[i]));
        tables[t]->widen_bf16(back, half, VALUES + 1);
        assert_true(isnan(back[VALUES]));
        for (int i = 0; i < VALUES; i++) assert_true(back[i] == bf16_to_f32(half[i]));
    }
}

static void use_level(const char *word) {
    if (word)
        setenv("COCA_ISA", word, 1);
    else
        unsetenv("COCA_ISA");
}

// A table's level by COCA_ISA, or the best of this CPU when that is less.
static void test_levels(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int last; // of `tables`
    } level[] = {{"v2", 0}, {"v3", 1}, {"v4", TABLES - 1}, {NULL, TABLES - 1}};
    use_level(NULL);
    const int count = table_count();
    for (int i = 0; i < 4; i++) {
        use_level(level[i].word);
        const struct kernels *chosen = kernels_for(DT_F32);
        use_level(NULL);
        assert_ptr_equal(chosen, tables[level[i].last < count ? level[i].last : count - 1]);
    }
}

// What a product takes one after the other: [5, 131] in panels of the table, zeros behind the columns.
static void test_panels(void **state) {
    (void)state;
    enum { K = 5, N = 131, PADDED = 144 };
    static float from[K * N], to[K * PADDED];
    for (int i = 0; i < K * N; i++) from[i] = (float)(i + 1);
    for (int t = 0; t < table_count(); t++) {
        tables[t]->pack_right(to, from, N, K, N);
        for (int j = 0; j < PADDED; j++)
            for (int l = 0; l < K; l++) {
                int first = j - j % tables[t]->panel, left = PADDED - first;
                int width = left < tables[t]->panel ? left : tables[t]->panel;
                assert_true(to[first * K + l * width + j - first] == (j < N ? from[l * N + j] : 0));
            }
    }
}

// [K, N] as tiles of PRODUCT_ROWS columns, some of which the last one lacks.
static void test_tiles(void **state) {
    (void)state;
    enum { K = 19, N = 20, TILE = PRODUCT_ROWS * K + 16 };
    static float from[K * N], to[(N / PRODUCT_ROWS + 1) * TILE];
    for (int i = 0; i < K * N; i++) from[i] = (float)i;
    for (int t = 0; t < table_count(); t++) {
        tables[t]->pack_left_turned(to, TILE, from, N, K, N);
        for (int l = 0; l < K; l++)
            for (int i = 0; i < N; i++)
                assert_true(to[i / PRODUCT_ROWS * TILE + l * PRODUCT_ROWS + i % PRODUCT_ROWS] == from[l * N + i]);
    }
}

// A query's result has the same bits however many are asked beside it, up to ATTENTION_FEW.
static void test_few_queries(void **state) {
    (void)state;
    enum { WIDTH = 64, KEYS = 37, ROWS = 2 * KEYS * WIDTH };
    static float q[ATTENTION_FEW * WIDTH], kv[ROWS], out[2][ATTENTION_FEW * WIDTH], scratch[1 << 16];
    assert_true(attention_scratch(KEYS, WIDTH) <= (int64_t)(sizeof scratch / sizeof *scratch));
    for (int i = 0; i < ATTENTION_FEW * WIDTH; i++) q[i] = sinf((float)i);
    for (int i = 0; i < ROWS; i++) kv[i] = cosf(0.7f * (float)i);
    for (int t = 0; t < table_count(); t++)
        for (int width = 24; width <= WIDTH; width += WIDTH - 24)
            for (int m = 1; m <= ATTENTION_FEW; m++) {
                const struct head head = {q,         kv,    kv + WIDTH, out[m > 1], NULL, NULL,  WIDTH,
                                          2 * WIDTH, WIDTH, WIDTH,      m,          KEYS, width, false};
                tables[t]->attention_forward(&head, scratch);
                for (int i = 0; i < width; i++) assert_true(out[0][i] == out[m > 1][i]);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),  cmocka_unit_test(test_large_activations),
        cmocka_unit_test(test_exponential),  cmocka_unit_test(test_sigmoid_loss),
        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_levels),       cmocka_unit_test(test_panels),
        cmocka_unit_test(test_tiles),        cmocka_unit_test(test_few_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
