#include "differences.h"

struct norm {
    struct ops *ops;
    int64_t R, D;
    double *x, *weight, *bias, *w, *out, *mean, *rstd;
};

static const int64_t sizes[][2] = {{1, 2}, {3, 7}, {5, 33}, {2, 1}};

static void norm_begin(struct norm *c, int64_t R, int64_t D) {
    *c = (struct norm){open_ops(),
                       R,
                       D,
                       random_array(R * D),
                       random_array(D),
                       random_array(D),
                       random_array(R * D),
                       zero_array(R * D),
                       zero_array(R),
                       zero_array(R)};
}

static void norm_end(struct norm *c) {
    double *arrays[] = {c->x, c->weight, c->bias, c->w, c->out, c->mean, c->rstd};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
    ops_close(&c->ops);
}

static double layernorm_loss(void *context) {
    struct norm *c = context;
    c->ops->layernorm_forward(c->ops, c->out, c->mean, c->rstd, c->x, c->weight, c->bias, c->R, c->D);
    return weighted_sum(c->w, c->out, c->R * c->D);
}

static void check_layernorm(struct norm *c, bool accumulate) {
    int64_t n = c->R * c->D;
    double *d_in = random_array(n), *before = copy_array(d_in, n);
    double *d_weight = zero_array(c->D), *d_bias = zero_array(c->D);
    layernorm_loss(c);
    c->ops->layernorm_backward(c->ops, d_in, d_weight, d_bias, c->w, c->x, c->weight, c->mean, c->rstd, c->R, c->D,
                               accumulate);
    for (int64_t i = 0; accumulate && i < n; i++) d_in[i] -= before[i];
    assert_gradient(layernorm_loss, c, c->x, d_in, n, "layernorm d_in");
    assert_gradient(layernorm_loss, c, c->weight, d_weight, c->D, "layernorm d_weight");
    assert_gradient(layernorm_loss, c, c->bias, d_bias, c->D, "layernorm d_bias");
    double *arrays[] = {d_in, before, d_weight, d_bias};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
}

static void test_layernorm(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(sizes); i++) {
        struct norm c;
        norm_begin(&c, sizes[i][0], sizes[i][1]);
        check_layernorm(&c, false);
        check_layernorm(&c, true);
        norm_end(&c);
    }
}

static double normalize_loss(void *context) {
    struct norm *c = context;
    c->ops->normalize_forward(c->ops, c->out, c->mean, c->x, c->R, c->D);
    return weighted_sum(c->w, c->out, c->R * c->D);
}

static void test_normalize(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(sizes); i++) {
        struct norm c;
        norm_begin(&c, sizes[i][0], sizes[i][1]);
        double *d_in = zero_array(c.R * c.D);
        normalize_loss(&c);
        c.ops->normalize_backward(c.ops, d_in, c.w, c.out, c.mean, c.R, c.D);
        assert_gradient(normalize_loss, &c, c.x, d_in, c.R * c.D, "normalize d_in");
        free(d_in);
        norm_end(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layernorm), cmocka_unit_test(test_normalize)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
