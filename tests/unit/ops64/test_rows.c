#include "differences.h"

enum { R = 7, N = 3, D = 5, VOCABULARY = 4 };
static const int32_t token[R] = {2, 0, -1, 2, 2, -1, 3};
static const int32_t place[R] = {0, 1, 2, 0, 1, 2, 0};
static const int32_t row_index[R] = {8, 0, 3, 5, 1, 7, 2}; // distinct, below SPARSE
enum { SPARSE = 9 };

struct rows {
    struct ops *ops;
    double *table, *cls, *position, *in, *w, *out;
};

static void rows_begin(struct rows *c) {
    *c = (struct rows){open_ops(),
                       random_array(VOCABULARY * D),
                       random_array(D),
                       random_array(N * D),
                       random_array(SPARSE * D),
                       random_array(SPARSE * D),
                       zero_array(SPARSE * D)};
}

static void rows_end(struct rows *c) {
    double *arrays[] = {c->table, c->cls, c->position, c->in, c->w, c->out};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
    ops_close(&c->ops);
}

static double embedding_loss(void *context) {
    struct rows *c = context;
    c->ops->embedding_forward(c->ops, c->out, c->table, c->cls, c->position, token, place, R, D);
    return weighted_sum(c->w, c->out, R * D);
}

static void test_embedding(void **state) {
    (void)state;
    struct rows c;
    rows_begin(&c);
    double *d_table = zero_array(VOCABULARY * D), *d_cls = zero_array(D), *d_position = zero_array(N * D);
    c.ops->embedding_backward(c.ops, d_table, d_cls, d_position, c.w, token, place, R, D);
    assert_gradient(embedding_loss, &c, c.table, d_table, VOCABULARY * D, "d_table");
    assert_gradient(embedding_loss, &c, c.cls, d_cls, D, "d_cls");
    assert_gradient(embedding_loss, &c, c.position, d_position, N * D, "d_position");
    free(d_table);
    free(d_cls);
    free(d_position);
    rows_end(&c);
}

static double add_rows_loss(void *context) {
    struct rows *c = context;
    c->ops->add_rows(c->ops, c->out, c->in, c->position, R, N, D);
    return weighted_sum(c->w, c->out, R * D);
}

static void test_add_rows(void **state) {
    (void)state;
    struct rows c;
    rows_begin(&c);
    double *d_rows = zero_array(N * D);
    c.ops->sum_rows(c.ops, d_rows, c.w, R, N, D);
    assert_gradient(add_rows_loss, &c, c.position, d_rows, N * D, "d_rows");
    assert_gradient(add_rows_loss, &c, c.in, c.w, R * D, "d_in");
    free(d_rows);
    rows_end(&c);
}

static double gather_loss(void *context) {
    struct rows *c = context;
    c->ops->gather_rows(c->ops, c->out, c->in, row_index, R, D);
    return weighted_sum(c->w, c->out, R * D);
}

static double scatter_loss(void *context) {
    struct rows *c = context;
    c->ops->zero(c->ops, c->out, SPARSE * D * sizeof(double));
    c->ops->scatter_add_rows(c->ops, c->out, c->in, row_index, R, D);
    return weighted_sum(c->w, c->out, SPARSE * D);
}

// Each is the other's gradient.
static void test_gather_and_scatter(void **state) {
    (void)state;
    struct rows c;
    rows_begin(&c);
    double *d_in = zero_array(SPARSE * D);
    c.ops->scatter_add_rows(c.ops, d_in, c.w, row_index, R, D);
    assert_gradient(gather_loss, &c, c.in, d_in, SPARSE * D, "gather d_in");
    c.ops->gather_rows(c.ops, d_in, c.w, row_index, R, D);
    assert_gradient(scatter_loss, &c, c.in, d_in, R * D, "scatter d_in");
    free(d_in);
    rows_end(&c);
}

static double add_loss(void *context) {
    struct rows *c = context;
    c->ops->add(c->ops, c->out, c->in, c->table, VOCABULARY * D);
    return weighted_sum(c->w, c->out, VOCABULARY * D);
}

static void test_add(void **state) {
    (void)state;
    struct rows c;
    rows_begin(&c);
    assert_gradient(add_loss, &c, c.in, c.w, VOCABULARY * D, "d_a");
    assert_gradient(add_loss, &c, c.table, c.w, VOCABULARY * D, "d_b");
    rows_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_add_rows),
        cmocka_unit_test(test_gather_and_scatter),
        cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
