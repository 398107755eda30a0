#include "differences.h"

enum { SAMPLES = 4 };

// How samples lie in rows, and how heads lie in a row.
struct layout {
    const char *name;
    int B, H, width;
    bool causal, packed; // packed: q, k and v are thirds of rows of 3·H·width
    int32_t q_start[SAMPLES], q_count[SAMPLES], k_start[SAMPLES], k_count[SAMPLES], out_start[SAMPLES];
    bool own_out; // out_start is given
    const uint8_t *valid;
};

static const uint8_t some_valid[12] = {1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1};

static const struct layout layouts[] = {
    {"one token", 1, 1, 1, false, false, {0}, {1}, {0}, {1}, {0}, false, NULL},
    {"packed self-attention, causal, ragged, one sample empty",
     4,
     2,
     3,
     true,
     true,
     {0, 5, 5, 6},
     {5, 0, 1, 4},
     {0, 5, 5, 6},
     {5, 0, 1, 4},
     {0},
     false,
     NULL},
    {"packed self-attention, not causal, in no order",
     3,
     3,
     2,
     false,
     true,
     {7, 0, 4},
     {3, 4, 3},
     {7, 0, 4},
     {3, 4, 3},
     {0},
     false,
     NULL},
    {"cross-attention, ragged on both sides",
     3,
     2,
     5,
     false,
     false,
     {0, 4, 5},
     {4, 1, 3},
     {0, 2, 9},
     {2, 7, 3},
     {0},
     false,
     NULL},
    {"causal with fewer queries than keys, and more",
     3,
     2,
     4,
     true,
     false,
     {0, 2, 7},
     {2, 5, 1},
     {0, 6, 9},
     {6, 3, 3},
     {0},
     false,
     NULL},
    {"key validity, causal: a first query without keys",
     3,
     1,
     3,
     true,
     false,
     {0, 4, 6},
     {4, 2, 3},
     {0, 4, 6},
     {4, 2, 6},
     {0},
     false,
     some_valid},
    {"shared queries", 3, 2, 3, false, false, {0, 0, 0}, {4, 4, 4}, {0, 2, 3}, {2, 1, 7}, {4, 0, 8}, true, some_valid},
    {"no keys at all", 2, 1, 2, false, false, {0, 3}, {3, 2}, {0, 0}, {0, 4}, {0}, false, NULL},
};
enum { ROWS = 12 };

struct attention {
    struct ops *ops;
    struct attention_shape shape;
    double *q, *k, *v; // in `memory`
    double *memory, *out, *lse, *w;
    int64_t q_offset, k_offset, v_offset, elements, out_elements;
};

static double attention_loss(void *context) {
    struct attention *c = context;
    memset(c->out, 0, (size_t)c->out_elements * sizeof *c->out);
    c->ops->attention_forward(c->ops, c->out, c->lse, c->q, c->k, c->v, &c->shape);
    return weighted_sum(c->w, c->out, c->out_elements);
}

static void attention_begin(struct attention *c, const struct layout *layout) {
    int64_t D = layout->H * layout->width, stride = layout->packed ? 3 * D : D;
    int64_t part = layout->packed ? D : ROWS * D;
    *c = (struct attention){.ops = open_ops(), .elements = 3 * ROWS * D, .out_elements = ROWS * D};
    c->shape = (struct attention_shape){layout->B,
                                        layout->H,
                                        layout->width,
                                        stride,
                                        stride,
                                        D,
                                        5,
                                        7,
                                        layout->causal,
                                        layout->q_start,
                                        layout->q_count,
                                        layout->k_start,
                                        layout->k_count,
                                        layout->own_out ? layout->out_start : NULL,
                                        layout->valid};
    c->memory = random_array(c->elements);
    for (int64_t i = 0; i < c->elements; i++) c->memory[i] *= 2;
    c->k_offset = part;
    c->v_offset = 2 * part;
    c->q = c->memory;
    c->k = c->memory + c->k_offset;
    c->v = c->memory + c->v_offset;
    c->out = zero_array(c->out_elements);
    c->w = random_array(c->out_elements);
    c->lse = zero_array(ROWS * layout->H);
}

static void attention_end(struct attention *c) {
    double *arrays[] = {c->memory, c->out, c->w, c->lse};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
    ops_close(&c->ops);
}

// dq by rows of out, as the operation gives it, becomes dq by rows of q: samples that share queries add up.
static void join_queries(const struct attention *c, double *d_memory, const double *dq) {
    const struct attention_shape *s = &c->shape;
    for (int b = 0; b < s->B; b++)
        for (int i = 0; i < s->q_count[b]; i++)
            for (int e = 0; e < s->H * s->width; e++) {
                int64_t out_row = (s->out_start ? s->out_start : s->q_start)[b] + i;
                d_memory[(s->q_start[b] + i) * s->q_stride + e] += dq[out_row * s->q_stride + e];
            }
}

static void check_layout(const struct layout *layout) {
    struct attention c;
    attention_begin(&c, layout);
    double *claimed = zero_array(c.elements), *dq = zero_array(c.elements);
    attention_loss(&c);
    c.ops->attention_backward(c.ops, dq, claimed + c.k_offset, claimed + c.v_offset, c.w, c.q, c.k, c.v, c.out, c.lse,
                              &c.shape);
    join_queries(&c, claimed, dq);
    assert_gradient(attention_loss, &c, c.memory, claimed, c.elements, layout->name);
    free(claimed);
    free(dq);
    attention_end(&c);
}

static void test_layouts(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(layouts); i++) check_layout(&layouts[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layouts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
