// Every operation of every backend held to the reference on random shapes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "both.h"
#include "ops/cpu/cpu.h"

#define REPEATS 12
#define MOST_SAMPLES 5
#define MOST_ROWS 256 // of a sample

// Awkward sizes as often as not: 1, primes, one beside a power of two.
static int64_t size(struct trial *t, int64_t most) {
    static const int64_t awkward[] = {1, 2, 3, 7, 13, 15, 16, 17, 31, 33, 63, 65, 97, 128, 131};
    int64_t one = draw(t, 0, 1) ? awkward[draw(t, 0, sizeof awkward / sizeof *awkward - 1)] : draw(t, 1, most);
    return one < most ? one : most;
}

// Calls an operation on both sides; `s` is the side in the arguments.
#define BOTH(operation, ...)                                                                                           \
    for (int s = 0; s < SIDES; s++) t->ops[s]->operation(t->ops[s], __VA_ARGS__)

// Now and then with one size beyond every block that a backend may cut.
static struct linear_shape random_linear(struct trial *t) {
    int64_t n[3], most = draw(t, 0, 3) ? 140 : 700;
    for (int i = 0; i < 3; i++) n[i] = size(t, most);
    if (most == 140 && draw(t, 0, 2) == 0) n[draw(t, 0, 2)] = draw(t, 1000, 2500);
    return (struct linear_shape){n[0], n[1], n[2], draw(t, 0, 1) ? WEIGHT_OUT_IN : WEIGHT_IN_OUT, NULL};
}

static enum activation random_activation(struct trial *t) {
    return draw(t, 0, 1) ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
}

static void check_linear_forward(struct trial *t) {
    struct linear_shape shape = random_linear(t);
    int64_t n = shape.R * shape.O;
    struct both *out = elements(t, n), *in = elements(t, shape.R * shape.I), *weight = elements(t, shape.O * shape.I);
    struct both *bias = draw(t, 0, 1) ? elements(t, shape.O) : NULL;
    struct both *residual = draw(t, 0, 1) ? elements(t, n) : NULL;
    if (draw(t, 0, 2) == 0) residual = out;
    BOTH(linear_forward, out->at[s], in->at[s], weight->at[s], bias ? bias->at[s] : NULL,
         residual ? residual->at[s] : NULL, shape);
    agree(t, out, "linear_forward");
}

static void check_linear_activation(struct trial *t) {
    struct linear_shape shape = random_linear(t);
    enum activation activation = random_activation(t);
    struct both *out = elements(t, shape.R * shape.O), *pre = elements(t, shape.R * shape.O);
    struct both *in = elements(t, shape.R * shape.I), *weight = elements(t, shape.O * shape.I);
    struct both *bias = draw(t, 0, 1) ? elements(t, shape.O) : NULL;
    scale(t, weight, 0.1);
    BOTH(linear_activation_forward, out->at[s], pre->at[s], in->at[s], weight->at[s], bias ? bias->at[s] : NULL, shape,
         activation);
    agree(t, pre, "linear_activation_forward: pre");
    agree(t, out, "linear_activation_forward: out");
}

static void check_linear_backward_input(struct trial *t) {
    struct linear_shape shape = random_linear(t);
    bool accumulate = draw(t, 0, 1);
    struct both *d_in = elements(t, shape.R * shape.I), *d_out = elements(t, shape.R * shape.O);
    struct both *weight = elements(t, shape.O * shape.I), *pre = elements(t, shape.R * shape.I);
    enum activation activation = random_activation(t);
    BOTH(linear_backward_input, d_in->at[s], d_out->at[s], weight->at[s], shape, accumulate);
    agree(t, d_in, "linear_backward_input");
    BOTH(linear_activation_backward_input, d_in->at[s], d_out->at[s], weight->at[s], pre->at[s], shape, activation);
    agree(t, d_in, "linear_activation_backward_input");
}

// Half of them with rows of whole words, for which a backend may have a way to both gradients at once.
static void check_linear_backward_weight(struct trial *t) {
    struct linear_shape shape = random_linear(t);
    int64_t whole = draw(t, 0, 1) ? 8 : 1;
    shape.I = (shape.I + whole - 1) / whole * whole;
    shape.O = (shape.O + whole - 1) / whole * whole;
    struct both *d_weight = reals(t, shape.O * shape.I), *d_bias = draw(t, 0, 1) ? reals(t, shape.O) : NULL;
    struct both *d_out = elements(t, shape.R * shape.O), *in = elements(t, shape.R * shape.I);
    BOTH(linear_backward_weight, d_weight->at[s], d_bias ? d_bias->at[s] : NULL, d_out->at[s], in->at[s], shape);
    agree(t, d_weight, "linear_backward_weight: d_weight");
    if (d_bias) agree(t, d_bias, "linear_backward_weight: d_bias");
}

static void same_bytes(struct trial *t, const struct both *x, const char *what) {
    uint8_t *found[SIDES];
    for (int s = 0; s < SIDES; s++) {
        found[s] = xmalloc((size_t)x->n);
        t->ops[s]->download(t->ops[s], found[s], x->at[s], (size_t)x->n);
    }
    if (memcmp(found[REFERENCE], found[TESTED], (size_t)x->n)) fail_msg("%s: %s: other bytes", t->name, what);
    for (int s = 0; s < SIDES; s++) free(found[s]);
}

// Weights of one number, of zeros, so small that there is no scale, and of both signs.
static struct both *weights_of_all_sizes(struct trial *t, int64_t n) {
    static const double factor[] = {1, 1, 1e-3, 1e30, 1e-37, 0};
    struct both *from = reals(t, n);
    scale(t, from, factor[draw(t, 0, 5)]);
    return from;
}

// Both sides make the weight's bytes themselves, and the same ones. Inputs may be rounded to 15 bits.
static void check_bytes(struct trial *t) {
    const double tolerance = t->tolerance;
    if (tolerance > 0) t->tolerance = fmax(tolerance, 1e-4);
    struct linear_shape shape = random_linear(t), at[SIDES] = {shape, shape};
    enum activation activation = random_activation(t);
    int64_t n = shape.R * shape.O;
    struct both *from = weights_of_all_sizes(t, shape.O * shape.I), *weight = make(t, DT_U8, DT_U8, shape.O * shape.I);
    struct both *scales = reals(t, shape.O), *in = elements(t, shape.R * shape.I), *out = elements(t, n);
    struct both *bias = elements(t, shape.O), *residual = elements(t, n), *pre = elements(t, n);
    BOTH(quantize, weight->at[s], scales->at[s], from->at[s], shape);
    same_bytes(t, weight, "quantize: weight");
    same_bytes(t, &(struct both){{scales->at[0], scales->at[1]}, 4 * shape.O, {DT_U8, DT_U8}}, "quantize: scale");
    for (int s = 0; s < SIDES; s++) at[s].scale = scales->at[s];
    BOTH(linear_forward, out->at[s], in->at[s], weight->at[s], bias->at[s], residual->at[s], at[s]);
    agree(t, out, "linear_forward of bytes");
    BOTH(linear_activation_forward, out->at[s], pre->at[s], in->at[s], weight->at[s], NULL, at[s], activation);
    agree(t, out, "linear_activation_forward of bytes");
    t->tolerance = tolerance;
}

// What is not finite in a weight is not finite in its output, and in no other.
static void check_broken_bytes(struct trial *t) {
    enum { O = 21, I = 19 };
    double values[O * I], broken[] = {NAN, INFINITY, -INFINITY};
    struct linear_shape shape = {1, I, O, draw(t, 0, 1) ? WEIGHT_OUT_IN : WEIGHT_IN_OUT, NULL};
    int64_t o = draw(t, 0, O - 1), i = draw(t, 0, I - 1);
    struct both *from = reals(t, O * I), *weight = make(t, DT_U8, DT_U8, O * I), *scales = reals(t, O);
    struct both *in = elements(t, I), *out = elements(t, O);
    for (int j = 0; j < O * I; j++) values[j] = j % 7 - 3;
    values[shape.layout == WEIGHT_OUT_IN ? o * I + i : i * O + o] = broken[draw(t, 0, 2)];
    write_both(t, from, values);
    struct ops *ops = t->ops[TESTED];
    ops->quantize(ops, weight->at[TESTED], scales->at[TESTED], from->at[TESTED], shape);
    shape.scale = scales->at[TESTED];
    ops->linear_forward(ops, out->at[TESTED], in->at[TESTED], weight->at[TESTED], NULL, NULL, shape);
    double *found = read_side(t, out, TESTED);
    for (int j = 0; j < O; j++) assert_int_equal(isfinite(found[j]) != 0, j != o);
    free(found);
}

// A packed copy of the weights must not outlive them.
static void check_weights_changed(struct trial *t) {
    struct linear_shape shape = {3, 40, 24, WEIGHT_OUT_IN, NULL};
    struct both *out = elements(t, shape.R * shape.O), *in = elements(t, shape.R * shape.I);
    struct both *weight = elements(t, shape.O * shape.I);
    for (int round = 0; round < 2; round++) {
        BOTH(linear_forward, out->at[s], in->at[s], weight->at[s], NULL, NULL, shape);
        agree(t, out, "linear_forward after weights_changed");
        scale(t, weight, -3);
        for (int s = 0; s < SIDES; s++) t->ops[s]->weights_changed(t->ops[s]);
    }
}

static void check_layernorm(struct trial *t) {
    int64_t R = size(t, 70), D = 7 + size(t, 400); // with two numbers the gradient all but cancels
    bool accumulate = draw(t, 0, 1);
    struct both *out = elements(t, R * D), *mean = reals(t, R), *rstd = reals(t, R), *in = elements(t, R * D);
    struct both *weight = reals(t, D), *bias = reals(t, D), *d_weight = reals(t, D), *d_bias = reals(t, D);
    struct both *d_in = elements(t, R * D), *d_out = elements(t, R * D);
    BOTH(layernorm_forward, out->at[s], mean->at[s], rstd->at[s], in->at[s], weight->at[s], bias->at[s], R, D);
    agree(t, out, "layernorm_forward: out");
    agree(t, rstd, "layernorm_forward: rstd");
    share(t, mean);
    share(t, rstd);
    BOTH(layernorm_backward, d_in->at[s], d_weight->at[s], d_bias->at[s], d_out->at[s], in->at[s], weight->at[s],
         mean->at[s], rstd->at[s], R, D, accumulate);
    agree(t, d_in, "layernorm_backward: d_in");
    agree(t, d_weight, "layernorm_backward: d_weight");
    agree(t, d_bias, "layernorm_backward: d_bias");
}

static void check_normalize(struct trial *t) {
    int64_t R = size(t, 70), D = size(t, 600);
    struct both *out = reals(t, R * D), *norm = reals(t, R), *in = elements(t, R * D);
    struct both *d_in = elements(t, R * D), *d_out = reals(t, R * D);
    BOTH(normalize_forward, out->at[s], norm->at[s], in->at[s], R, D);
    agree(t, out, "normalize_forward: out");
    agree(t, norm, "normalize_forward: norm");
    if (D == 1) return; // the gradient is zero and its rounding is not
    BOTH(normalize_backward, d_in->at[s], d_out->at[s], out->at[s], norm->at[s], R, D);
    agree(t, d_in, "normalize_backward");
}

// Samples that lie one after the other in rows, in shuffled order.
struct spans {
    int32_t start[MOST_SAMPLES], count[MOST_SAMPLES];
    int64_t rows;
};

static struct spans random_spans(struct trial *t, int B, int64_t low, int64_t most) {
    struct spans spans = {.rows = draw(t, 0, 3)};
    for (int b = 0; b < B; b++) {
        int at = (b * 3 + 1) % B; // a permutation when 3 does not divide B, else some samples are empty
        spans.start[at] = (int32_t)spans.rows;
        spans.count[at] = (int32_t)(draw(t, 0, 5) ? size(t, most) : low);
        spans.rows += spans.count[at];
    }
    return spans;
}

struct attention_size {
    int B, H, width;
    int64_t most, k_max; // most rows of a sample; a bound that its keys need not reach
    bool full;           // samples may have as many rows as that
};

struct attention_trial {
    struct attention_shape shape[SIDES];
    struct both *q, *k, *v, *out, *lse, *d_out, *dq, *dk, *dv;
};

// shared: all samples have the queries of the first one, their results in rows of their own.
static struct attention_trial attention_begin(struct trial *t, struct attention_size of, bool shared) {
    static const int64_t gaps[] = {0, 5, 8};
    int B = of.B, H = of.H, width = of.width;
    int64_t low = of.full ? of.most : 0, gap = gaps[draw(t, 0, 2)];
    struct spans out = random_spans(t, B, low, of.most), k = random_spans(t, B, low, of.most), q = out;
    for (int b = 0; b < B && shared; b++) {
        q.start[b] = 1;
        out.count[b] = q.count[b] = out.count[0] < out.count[b] ? out.count[0] : out.count[b];
    }
    int64_t D = (int64_t)H * width, stride = D + gap, rows = 2 + (q.rows > out.rows ? q.rows : out.rows),
            keys = 1 + k.rows;
    uint8_t valid[1 + MOST_SAMPLES * MOST_ROWS + 4];
    for (int64_t i = 0; i < keys; i++) valid[i] = draw(t, 0, 3) > 0;
    struct both *q_start = integers(t, q.start, B), *q_count = integers(t, q.count, B);
    struct both *k_start = integers(t, k.start, B), *k_count = integers(t, k.count, B);
    struct both *out_start = shared ? integers(t, out.start, B) : NULL;
    struct both *key_valid = draw(t, 0, 1) ? bytes(t, valid, keys) : NULL;
    bool causal = draw(t, 0, 1);
    struct attention_trial a = {.q = elements(t, rows * stride),
                                .k = elements(t, keys * stride),
                                .v = elements(t, keys * stride),
                                .out = elements(t, rows * D),
                                .lse = reals(t, rows * H),
                                .d_out = elements(t, rows * D),
                                .dq = elements(t, rows * stride),
                                .dk = elements(t, keys * stride),
                                .dv = elements(t, keys * stride)};
    for (int s = 0; s < SIDES; s++)
        a.shape[s] = (struct attention_shape){B,
                                              H,
                                              width,
                                              stride,
                                              stride,
                                              D,
                                              (int)of.most,
                                              (int)of.k_max,
                                              causal,
                                              q_start->at[s],
                                              q_count->at[s],
                                              k_start->at[s],
                                              k_count->at[s],
                                              out_start ? out_start->at[s] : NULL,
                                              key_valid ? key_valid->at[s] : NULL};
    return a;
}

static void check_attention_of(struct trial *t, struct attention_size size) {
    struct attention_trial a = attention_begin(t, size, draw(t, 0, 3) == 0);
    BOTH(attention_forward, a.out->at[s], a.lse->at[s], a.q->at[s], a.k->at[s], a.v->at[s], &a.shape[s]);
    agree(t, a.out, "attention_forward: out");
    agree(t, a.lse, "attention_forward: lse");
    share(t, a.out);
    share(t, a.lse);
    BOTH(attention_backward, a.dq->at[s], a.dk->at[s], a.dv->at[s], a.d_out->at[s], a.q->at[s], a.k->at[s], a.v->at[s],
         a.out->at[s], a.lse->at[s], &a.shape[s]);
    agree(t, a.dq, "attention_backward: dq");
    agree(t, a.dk, "attention_backward: dk");
    agree(t, a.dv, "attention_backward: dv");
    BOTH(attention_forward, a.out->at[s], NULL, a.q->at[s], a.k->at[s], a.v->at[s], &a.shape[s]);
    agree(t, a.out, "attention_forward without lse: out");
}

static void check_attention(struct trial *t) {
    struct attention_size of = {.B = (int)draw(t, 1, MOST_SAMPLES), .H = (int)draw(t, 1, 4)};
    of.width = (int)size(t, draw(t, 0, 3) ? 64 : 140);
    of.most = draw(t, 0, 2) ? 20 : 150;
    of.k_max = of.most + (draw(t, 0, 3) ? 0 : MOST_ROWS);
    check_attention_of(t, of);
}

// Sizes as models have them. CUDA has kernels of their own for up to 128 keys, up to 256, and more.
static void check_long_attention(struct trial *t) {
    struct attention_size of = {.B = (int)draw(t, 1, 2), .H = (int)draw(t, 1, 2), .full = true};
    of.width = 8 * (draw(t, 0, 1) ? 8 : (int)draw(t, 1, 9));
    of.most = draw(t, 0, 1) ? 128 : MOST_ROWS;
    of.k_max = of.most + (draw(t, 0, 3) ? 0 : MOST_ROWS);
    check_attention_of(t, of);
}

static void check_patches(struct trial *t) {
    static const float mean[3] = {0.48f, 0.45f, 0.40f}, std[3] = {0.27f, 0.26f, 0.28f};
    int64_t B = draw(t, 1, 3), P = draw(t, 1, 9), S = P * draw(t, 1, 5);
    uint8_t pixels[3 * 45 * 45 * 3];
    for (int64_t i = 0; i < B * S * S * 3; i++) pixels[i] = (uint8_t)draw(t, 0, 255);
    struct both *in = bytes(t, pixels, B * S * S * 3), *out = elements(t, B * S * S * 3);
    BOTH(patches, out->at[s], in->at[s], mean, std, B, S, P);
    agree(t, out, "patches");
}

static struct both *random_integers(struct trial *t, int64_t low, int64_t high, int64_t n) {
    int32_t values[200];
    for (int64_t i = 0; i < n; i++) values[i] = (int32_t)draw(t, low, high);
    return integers(t, values, n);
}

static void check_embedding(struct trial *t) {
    int64_t R = size(t, 130), D = size(t, 300), V = size(t, 50), T = size(t, 20);
    struct both *token = random_integers(t, -1, V - 1, R), *place = random_integers(t, 0, T - 1, R);
    struct both *table = elements(t, V * D), *cls = elements(t, D), *position = elements(t, T * D);
    struct both *out = elements(t, R * D), *d_table = reals(t, V * D), *d_cls = reals(t, D),
                *d_position = reals(t, T * D);
    BOTH(embedding_forward, out->at[s], table->at[s], cls->at[s], position->at[s], token->at[s], place->at[s], R, D);
    agree(t, out, "embedding_forward");
    BOTH(embedding_backward, d_table->at[s], d_cls->at[s], d_position->at[s], out->at[s], token->at[s], place->at[s], R,
         D);
    agree(t, d_table, "embedding_backward: d_table");
    agree(t, d_cls, "embedding_backward: d_cls");
    agree(t, d_position, "embedding_backward: d_position");
}

static void check_added_rows(struct trial *t) {
    int64_t R = size(t, 130), N = size(t, 40), D = size(t, 300);
    struct both *out = elements(t, R * D), *in = draw(t, 0, 2) ? out : elements(t, R * D), *rows = elements(t, N * D);
    struct both *d_rows = reals(t, N * D), *sum = elements(t, R * D);
    bool from_nothing = draw(t, 0, 3) == 0;
    BOTH(add_rows, out->at[s], from_nothing ? NULL : in->at[s], rows->at[s], R, N, D);
    agree(t, out, "add_rows");
    BOTH(sum_rows, d_rows->at[s], out->at[s], R, N, D);
    agree(t, d_rows, "sum_rows");
    BOTH(add, sum->at[s], sum->at[s], out->at[s], R * D);
    agree(t, sum, "add");
}

static void check_indexed_rows(struct trial *t) {
    int64_t R = size(t, 90), D = size(t, 300), rows = R + draw(t, 0, 5);
    int32_t index[100];
    for (int64_t i = 0; i < R; i++) index[i] = (int32_t)((i * 7 + 3) % rows);
    bool distinct = rows % 7 != 0;
    struct both *in = elements(t, rows * D), *out = elements(t, rows * D), *at = integers(t, index, R);
    BOTH(gather_rows, out->at[s], in->at[s], at->at[s], R, D);
    agree(t, out, "gather_rows");
    if (!distinct) return;
    BOTH(scatter_add_rows, out->at[s], in->at[s], at->at[s], R, D);
    agree(t, out, "scatter_add_rows");
}

// A model that came apart has NaN among its logits; what is taken of them still names columns of the row, each once.
static void check_largest_of_nan(struct trial *t, struct both *index, struct both *x, int64_t R, int64_t C, int k) {
    double *values = xmalloc((size_t)(R * C) * sizeof *values);
    int32_t *found = xmalloc((size_t)(R * k) * sizeof *found);
    for (int64_t i = 0; i < R * C; i++) values[i] = i < C || i % 2 ? NAN : 1;
    write_both(t, x, values);
    BOTH(largest_columns, index->at[s], x->at[s], R, C, k);
    t->ops[TESTED]->download(t->ops[TESTED], found, index->at[TESTED], (size_t)(R * k) * sizeof *found);
    for (int64_t i = 0; i < R * k; i++) {
        assert_in_range(found[i], 0, C - 1);
        for (int64_t other = i / k * k; other < i; other++) assert_int_not_equal(found[i], found[other]);
    }
    free(values);
    free(found);
}

// Both sides see the same numbers, many of them equal, so the answer is one.
static void check_largest_columns(struct trial *t) {
    int k = (int)draw(t, 1, LARGEST_COLUMNS);
    int64_t R = size(t, 40), C = k + size(t, 900);
    struct both *x = elements(t, R * C), *index = make(t, DT_I32, DT_I32, R * k);
    double *values = xmalloc((size_t)(R * C) * sizeof *values);
    for (int64_t i = 0; i < R * C; i++) values[i] = (double)draw(t, -6, 6) / 4;
    write_both(t, x, values);
    free(values);
    BOTH(largest_columns, index->at[s], x->at[s], R, C, k);
    int32_t *found[SIDES];
    for (int s = 0; s < SIDES; s++) {
        found[s] = xmalloc((size_t)(R * k) * sizeof(int32_t));
        t->ops[s]->download(t->ops[s], found[s], index->at[s], (size_t)(R * k) * sizeof(int32_t));
    }
    assert_memory_equal(found[REFERENCE], found[TESTED], (size_t)(R * k) * sizeof(int32_t));
    for (int s = 0; s < SIDES; s++) free(found[s]);
    check_largest_of_nan(t, index, x, R, C, k);
}

static void check_cross_entropy(struct trial *t) {
    int64_t R = size(t, 60), V = 1 + size(t, 900);
    struct both *logits = elements(t, R * V), *total = doubles(t, 1), *target = random_integers(t, -1, V - 1, R);
    struct both *weight = reals(t, 1);
    scale(t, logits, 3);
    BOTH(cross_entropy, total->at[s], logits->at[s], target->at[s], weight->at[s], false, R, V);
    agree(t, logits, "cross_entropy: logits without gradient");
    agree(t, total, "cross_entropy: total without gradient");
    BOTH(cross_entropy, total->at[s], logits->at[s], target->at[s], weight->at[s], true, R, V);
    agree(t, logits, "cross_entropy: d_logits");
    agree(t, total, "cross_entropy: total");
}

static void check_contrastive(struct trial *t) {
    int64_t C = 1 + size(t, 130), first = draw(t, 0, C - 1), R = draw(t, 1, C - first);
    struct both *x = elements(t, R * C), *row = reals(t, R), *column = reals(t, C), *d_scale = doubles(t, 1);
    scale(t, x, 0.3);
    BOTH(row_logsumexp, row->at[s], x->at[s], 14.0f, R, C);
    agree(t, row, "row_logsumexp");
    share(t, row);
    double *denominators = xmalloc((size_t)C * sizeof *denominators);
    for (int64_t i = 0; i < C; i++) denominators[i] = 12 + (double)(i % 5);
    write_both(t, column, denominators);
    free(denominators);
    // What is added may cancel out almost wholly; it starts at the size of what is added up.
    write_both(t, d_scale, &(double){0.01 * (double)R});
    BOTH(contrastive_gradient, x->at[s], d_scale->at[s], row->at[s], column->at[s], 14.0f, 0.01f, first, R, C);
    agree(t, x, "contrastive_gradient: x");
    agree(t, d_scale, "contrastive_gradient: d_scale");
}

// All cosines of a row near −1: log Σ exp is so far below 0 that exp(−lse) is infinite, where no element is too.
static void check_opposites(struct trial *t) {
    const float factor = 100;
    int64_t C = draw(t, 1, 40);
    struct both *x = elements(t, C), *row = reals(t, 1), *column = reals(t, C), *d_scale = doubles(t, 1);
    double cosines[40], denominators[40];
    for (int i = 0; i < 40; i++) cosines[i] = -1 + 0.01 * (i % 3), denominators[i] = -99 + i % 5;
    write_both(t, x, cosines);
    write_both(t, column, denominators);
    write_both(t, d_scale, &(double){0.02}); // as above
    BOTH(row_logsumexp, row->at[s], x->at[s], factor, 1, C);
    agree(t, row, "row_logsumexp of opposites");
    share(t, row);
    BOTH(contrastive_gradient, x->at[s], d_scale->at[s], row->at[s], column->at[s], factor, 0.01f, 0, 1, C);
    agree(t, x, "contrastive_gradient of opposites: x");
    agree(t, d_scale, "contrastive_gradient of opposites: d_scale");
}

static void check_sigmoid_loss(struct trial *t) {
    int64_t C = 1 + size(t, 130), first = draw(t, -2, C), R = draw(t, 1, C);
    struct both *x = elements(t, R * C), *sums = doubles(t, 3);
    real bias = draw(t, 0, 1) ? -10 : 0;
    scale(t, x, 0.3);
    // The same as above: these are the sizes of what is added up.
    write_both(t, sums, (double[]){0, 0.01 * (double)R, 0.01 * (double)R});
    BOTH(sigmoid_loss, sums->at[s], x->at[s], 14.0f, bias, 0.01f, false, first, R, C);
    agree(t, sums, "sigmoid_loss: loss alone");
    agree(t, x, "sigmoid_loss: x untouched");
    BOTH(sigmoid_loss, sums->at[s], x->at[s], 14.0f, bias, 0.01f, true, first, R, C);
    agree(t, x, "sigmoid_loss: x");
    agree(t, sums, "sigmoid_loss: sums");
}

static void check_sums(struct trial *t) {
    int64_t n = draw(t, 0, 1) ? draw(t, 1, 40000) : size(t, 130);
    struct both *x = reals(t, n), *e = reals(t, n), *total = doubles(t, 1);
    BOTH(sum_squares, total->at[s], x->at[s], n);
    agree(t, total, "sum_squares");
    BOTH(moving_average, e->at[s], x->at[s], 0.97, n);
    agree(t, e, "moving_average");
    BOTH(accumulate, e->at[s], x->at[s], n);
    agree(t, e, "accumulate");
}

static void check_adamw(struct trial *t) {
    int64_t n = draw(t, 0, 1) ? draw(t, 1, 20000) : size(t, 130);
    struct both *p = reals(t, n), *m = reals(t, n), *v = reals(t, n), *g = reals(t, n);
    for (int s = 0; s < SIDES; s++) t->ops[s]->zero(t->ops[s], v->at[s], (size_t)n * sizeof(float));
    for (int update = 1; update <= 3; update++) {
        struct adamw_step step = {0.1, 0.9, 0.98, 1e-8, 0.05, 1 - pow(0.9, update), 1 - pow(0.98, update), 0.7};
        BOTH(adamw, p->at[s], m->at[s], v->at[s], g->at[s], n, &step);
    }
    agree(t, p, "adamw: p");
    agree(t, m, "adamw: m");
    agree(t, v, "adamw: v");
}

static void check_adafactor(struct trial *t) {
    int64_t batch = draw(t, 1, 3), rows = size(t, 90), columns = size(t, 90), n = batch * rows * columns;
    bool factored = draw(t, 0, 2) > 0;
    enum dtype momentum_dtype = draw(t, 0, 3) ? DT_F32 : DT_BF16;
    struct both *p = reals(t, n), *g = reals(t, n), *momentum = of_type(t, momentum_dtype, n);
    struct both *row = reals(t, factored ? batch * rows : n), *column = reals(t, batch * columns);
    for (int s = 0; s < SIDES; s++) {
        t->ops[s]->zero(t->ops[s], row->at[s], (size_t)row->n * sizeof(float));
        t->ops[s]->zero(t->ops[s], column->at[s], (size_t)column->n * sizeof(float));
    }
    for (int update = 1; update <= 3; update++) {
        struct adafactor_step step = {0.1,      1 - pow(update, -0.8), 0.9, 1.0, 0.05, 0.7, batch, rows, columns,
                                      factored, momentum_dtype};
        BOTH(adafactor, p->at[s], momentum->at[s], row->at[s], column->at[s], g->at[s], &step);
    }
    double tolerance = t->tolerance;
    if (momentum_dtype == DT_BF16 && tolerance > 0) t->tolerance = 2e-2;
    agree(t, p, "adafactor: p");
    agree(t, momentum, "adafactor: momentum");
    t->tolerance = tolerance;
    agree(t, row, "adafactor: row");
    if (factored) agree(t, column, "adafactor: column");
}

static void check_convert(struct trial *t) {
    static const enum dtype types[] = {DT_F32, DT_BF16, DT_F16};
    int64_t n = draw(t, 0, 1) ? draw(t, 1, 20000) : size(t, 130);
    for (int i = 0; i < 9; i++) {
        struct both *from = of_type(t, types[i / 3], n), *to = of_type(t, types[i % 3], n);
        BOTH(convert, to->at[s], types[i % 3], from->at[s], types[i / 3], n);
        agree(t, to, "convert");
    }
}

static void check_copies(struct trial *t) {
    int64_t n = draw(t, 0, 1) ? draw(t, 1, 40000) : size(t, 130);
    struct both *from = reals(t, n), *to = reals(t, n);
    BOTH(copy, to->at[s], from->at[s], (size_t)n * sizeof(float));
    agree(t, to, "copy");
    BOTH(zero, to->at[s], (size_t)(n / 2) * sizeof(float));
    agree(t, to, "zero");
}

// One random case of each operation or of a few that belong together.
static const struct check {
    const char *name;
    void (*run)(struct trial *t);
} checks[] = {
    {"linear_forward", check_linear_forward},
    {"linear_activation", check_linear_activation},
    {"linear_backward_input", check_linear_backward_input},
    {"linear_backward_weight", check_linear_backward_weight},
    {"bytes", check_bytes},
    {"broken_bytes", check_broken_bytes},
    {"weights_changed", check_weights_changed},
    {"layernorm", check_layernorm},
    {"normalize", check_normalize},
    {"attention", check_attention},
    {"long_attention", check_long_attention},
    {"patches", check_patches},
    {"embedding", check_embedding},
    {"added_rows", check_added_rows},
    {"indexed_rows", check_indexed_rows},
    {"largest_columns", check_largest_columns},
    {"cross_entropy", check_cross_entropy},
    {"contrastive", check_contrastive},
    {"opposites", check_opposites},
    {"sigmoid_loss", check_sigmoid_loss},
    {"sums", check_sums},
    {"adamw", check_adamw},
    {"adafactor", check_adafactor},
    {"convert", check_convert},
    {"copies", check_copies},
};

static void check_all(struct trial *t) {
    for (int i = 0; i < REPEATS; i++)
        for (size_t c = 0; c < sizeof checks / sizeof *checks; c++) {
            checks[c].run(t);
            trial_clear(t);
        }
}

// The CPU backend with each of its tables of kernels that this CPU can run.
struct row {
    const char *name;
    enum dtype dtype;
    int threads;
    const struct kernels *kernels; // NULL: those that the backend chooses
    double tolerance;
};

static const struct row rows[] = {
    {"cpu f32, 2 threads", DT_F32, 2, NULL, 1e-5},
    {"cpu f32, 3 threads", DT_F32, 3, NULL, 1e-5},
    {"cpu f32, SSE2", DT_F32, 1, &kernels_v2_f32, 1e-5},
    {"cpu f32, AVX2", DT_F32, 2, &kernels_v3_f32, 1e-5},
    {"cpu bf16, AVX2", DT_BF16, 2, &kernels_v3_bf16, 2e-2},
    {"cpu f32, AVX-512", DT_F32, 2, &kernels_v4_f32, 1e-5},
    {"cpu f32, AVX-512 VNNI", DT_F32, 2, &kernels_v4_vnni_f32, 1e-5},
    {"cpu bf16, AVX-512", DT_BF16, 2, &kernels_v4_bf16, 2e-2},
    {"cpu bf16, AVX-512 VNNI", DT_BF16, 2, &kernels_v4_vnni_bf16, 2e-2},
    {"cpu bf16 in pairs", DT_BF16, 2, &kernels_v4_bf16_pairs, 2e-2},
};

static void test_cpu(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kernels && !kernels_run(rows[i].kernels)) continue;
        struct trial t;
        trial_open(&t, rows[i].name, "cpu", rows[i].dtype, rows[i].threads, rows[i].tolerance);
        if (rows[i].kernels) cpu_of(t.ops[TESTED])->kernels = rows[i].kernels;
        check_all(&t);
        trial_close(&t);
    }
}

// The same bits for the same shapes, whatever the threads: both sides are the CPU backend here, with other numbers of
// threads, and no difference at all is tolerated.
static void test_same_bits(void **state) {
    (void)state;
    for (int narrow = 0; narrow < 2; narrow++) {
        enum dtype dtype = narrow ? DT_BF16 : DT_F32;
        if (!kernels_for(dtype)) continue;
        struct trial t;
        trial_open(&t, "3 threads against 1", "cpu", dtype, 3, 0);
        ops_close(&t.ops[REFERENCE]);
        assert_int_equal(ops_open(&t.ops[REFERENCE], "cpu", dtype, 1), 0);
        check_all(&t);
        trial_close(&t);
    }
}

// ---- on a GPU, each operation a test of its own

enum { CHECKS = sizeof checks / sizeof *checks };

static const struct cuda_row {
    const char *name;
    bool itself; // against another backend on the same GPU, instead of the reference
    enum dtype dtype;
    double tolerance;
    int repeats; // without COCA_TEST_REPEATS: where a CPU stands in for the GPU, bits hardly differ
} cuda_rows[] = {
    {"cuda f32", false, DT_F32, 1e-4, 6},
    {"cuda bf16", false, DT_BF16, 2e-2, 6},
    {"cuda f32, the same bits", true, DT_F32, 0, 2},
    {"cuda bf16, the same bits", true, DT_BF16, 0, 2},
};
enum { CUDA_ROWS = sizeof cuda_rows / sizeof *cuda_rows };

struct cuda_case {
    const struct cuda_row *row;
    const struct check *check;
};

static void trial_open_cuda(struct trial *t, const struct cuda_row *row) {
    static bool missing; // said once
    struct ops *cuda;
    if (missing || ops_open(&cuda, "cuda:0", row->dtype, 1)) {
        if (!missing) print_message("tests on a GPU are skipped: no CUDA backend, or no GPU\n");
        missing = true;
        skip();
    }
    trial_open(t, row->name, "cpu", DT_F32, 1, row->tolerance);
    ops_close(&t->ops[TESTED]);
    t->ops[TESTED] = cuda;
    if (!row->itself) return;
    ops_close(&t->ops[REFERENCE]);
    assert_int_equal(ops_open(&t->ops[REFERENCE], "cuda:0", row->dtype, 1), 0);
}

static void test_cuda(void **state) {
    const struct cuda_case *at = *state;
    const char *asked = getenv("COCA_TEST_REPEATS");
    int repeats = asked ? atoi(asked) : at->row->repeats;
    struct trial t;
    trial_open_cuda(&t, at->row);
    for (int i = 0; i < repeats; i++) {
        at->check->run(&t);
        trial_clear(&t);
    }
    trial_close(&t);
}

static int run_cuda_tests(void) {
    static struct cuda_case cases[CUDA_ROWS * CHECKS];
    static char names[CUDA_ROWS * CHECKS][64];
    struct CMUnitTest tests[CUDA_ROWS * CHECKS];
    for (int i = 0; i < CUDA_ROWS * CHECKS; i++) {
        cases[i] = (struct cuda_case){&cuda_rows[i / CHECKS], &checks[i % CHECKS]};
        snprintf(names[i], sizeof names[i], "%s: %s", cases[i].row->name, cases[i].check->name);
        tests[i] = (struct CMUnitTest){names[i], test_cuda, NULL, NULL, &cases[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu), cmocka_unit_test(test_same_bits)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + run_cuda_tests();
}
