#include "differences.h"

struct linear {
    struct ops *ops;
    struct linear_shape shape;
    enum activation activation;
    bool activated; // the input of the linear map is activation(x)
    double *x, *weight, *bias, *residual, *w;
    double *hidden, *out;
};

// x [R,I] → (activation) → linear → out [R,O]; the activation is had from an identity map before it.
static double linear_loss(void *context) {
    struct linear *c = context;
    struct linear_shape s = c->shape;
    const double *in = c->x;
    if (c->activated) {
        double *identity = zero_array(s.I * s.I), *pre = zero_array(s.R * s.I);
        for (int64_t i = 0; i < s.I; i++) identity[i * s.I + i] = 1;
        c->ops->linear_activation_forward(c->ops, c->hidden, pre, c->x, identity, NULL,
                                          (struct linear_shape){s.R, s.I, s.I, s.layout, NULL}, c->activation);
        free(identity);
        free(pre);
        in = c->hidden;
    }
    c->ops->linear_forward(c->ops, c->out, in, c->weight, c->bias, c->residual, s);
    return weighted_sum(c->w, c->out, s.R * s.O);
}

static void linear_begin(struct linear *c, struct linear_shape shape) {
    *c = (struct linear){.ops = open_ops(), .shape = shape};
    c->x = random_array(shape.R * shape.I);
    c->weight = random_array(shape.O * shape.I);
    c->bias = random_array(shape.O);
    c->residual = random_array(shape.R * shape.O);
    c->w = random_array(shape.R * shape.O);
    c->hidden = zero_array(shape.R * shape.I);
    c->out = zero_array(shape.R * shape.O);
}

static void linear_end(struct linear *c) {
    double *arrays[] = {c->x, c->weight, c->bias, c->residual, c->w, c->hidden, c->out};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
    ops_close(&c->ops);
}

static const struct linear_shape shapes[] = {
    {.R = 1, .I = 1, .O = 1, .layout = WEIGHT_OUT_IN},  {.R = 5, .I = 3, .O = 7, .layout = WEIGHT_OUT_IN},
    {.R = 3, .I = 13, .O = 2, .layout = WEIGHT_OUT_IN}, {.R = 1, .I = 4, .O = 9, .layout = WEIGHT_IN_OUT},
    {.R = 6, .I = 11, .O = 5, .layout = WEIGHT_IN_OUT},
};

static void check_input_gradient(struct linear *c, bool accumulate) {
    int64_t n = c->shape.R * c->shape.I;
    double *d_in = random_array(n), *before = copy_array(d_in, n);
    c->ops->linear_backward_input(c->ops, d_in, c->w, c->weight, c->shape, accumulate);
    for (int64_t i = 0; accumulate && i < n; i++) d_in[i] -= before[i];
    assert_gradient(linear_loss, c, c->x, d_in, n, "d_in");
    free(d_in);
    free(before);
}

static void check_weight_gradient(struct linear *c) {
    int64_t n = c->shape.O * c->shape.I;
    double *d_weight = random_array(n), *before = copy_array(d_weight, n), *without_bias = copy_array(d_weight, n);
    double *d_bias = zero_array(c->shape.O);
    c->ops->linear_backward_weight(c->ops, d_weight, d_bias, c->w, c->x, c->shape);
    c->ops->linear_backward_weight(c->ops, without_bias, NULL, c->w, c->x, c->shape);
    assert_memory_equal(d_weight, without_bias, (size_t)n * sizeof *d_weight);
    for (int64_t i = 0; i < n; i++) d_weight[i] -= before[i];
    assert_gradient(linear_loss, c, c->weight, d_weight, n, "d_weight");
    assert_gradient(linear_loss, c, c->bias, d_bias, c->shape.O, "d_bias");
    double *arrays[] = {d_weight, before, without_bias, d_bias};
    for (int i = 0; i < COUNT(arrays); i++) free(arrays[i]);
}

static void test_linear(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++) {
        struct linear c;
        linear_begin(&c, shapes[i]);
        check_input_gradient(&c, false);
        check_input_gradient(&c, true);
        check_weight_gradient(&c);
        assert_gradient(linear_loss, &c, c.residual, c.w, shapes[i].R * shapes[i].O, "d_residual");
        linear_end(&c);
    }
}

static void test_activation(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int activation = ACTIVATION_GELU; activation <= ACTIVATION_QUICK_GELU; activation++) {
            struct linear c;
            linear_begin(&c, shapes[i]);
            c.activated = true;
            c.activation = (enum activation)activation;
            int64_t n = shapes[i].R * shapes[i].I;
            for (int64_t k = 0; k < n; k++) c.x[k] *= 4;
            double *d_pre = zero_array(n);
            c.ops->linear_activation_backward_input(c.ops, d_pre, c.w, c.weight, c.x, shapes[i], c.activation);
            assert_gradient(linear_loss, &c, c.x, d_pre, n, "d_pre");
            free(d_pre);
            linear_end(&c);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_linear), cmocka_unit_test(test_activation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
