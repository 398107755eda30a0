#include "differences.h"

struct entropy {
    struct ops *ops;
    int64_t R, V;
    double *logits, *scratch;
    const int32_t *target;
    double scale;
};

static double entropy_loss(void *context) {
    struct entropy *c = context;
    double total = 0;
    memcpy(c->scratch, c->logits, (size_t)(c->R * c->V) * sizeof *c->scratch);
    c->ops->cross_entropy(c->ops, &total, c->scratch, c->target, &(double){1}, false, c->R, c->V);
    assert_memory_equal(c->scratch, c->logits, (size_t)(c->R * c->V) * sizeof *c->scratch);
    return c->scale * total;
}

static void check_entropy(int64_t R, int64_t V, const int32_t *target) {
    struct entropy c = {open_ops(), R, V, random_array(R * V), zero_array(R * V), target, 0.37};
    for (int64_t i = 0; i < R * V; i++) c.logits[i] *= 5;
    double total = 0, *gradient = copy_array(c.logits, R * V);
    c.ops->cross_entropy(c.ops, &total, gradient, target, &c.scale, true, R, V);
    assert_true(fabs(c.scale * total - entropy_loss(&c)) < 1e-12);
    assert_gradient(entropy_loss, &c, c.logits, gradient, R * V, "d_logits");
    free(c.logits);
    free(c.scratch);
    free(gradient);
    ops_close(&c.ops);
}

static void test_cross_entropy(void **state) {
    (void)state;
    check_entropy(1, 1, (const int32_t[]){0});
    check_entropy(4, 7, (const int32_t[]){6, -1, 0, 3});
    check_entropy(3, 33, (const int32_t[]){-1, -1, 32});
}

// The contrastive loss of cosines [G,G], and its gradient taken in row blocks.
struct contrast {
    struct ops *ops;
    int64_t G;
    double *cosine, *row_lse, *column_lse;
    double scale, weight;
};

static void contrast_denominators(struct contrast *c) {
    double *transposed = zero_array(c->G * c->G);
    for (int64_t i = 0; i < c->G * c->G; i++) transposed[i % c->G * c->G + i / c->G] = c->cosine[i];
    c->ops->row_logsumexp(c->ops, c->row_lse, c->cosine, c->scale, c->G, c->G);
    c->ops->row_logsumexp(c->ops, c->column_lse, transposed, c->scale, c->G, c->G);
    free(transposed);
}

static double contrast_loss(void *context) {
    struct contrast *c = context;
    double loss = 0;
    contrast_denominators(c);
    for (int64_t i = 0; i < c->G; i++)
        loss += c->row_lse[i] + c->column_lse[i] - 2 * c->scale * c->cosine[i * c->G + i];
    return c->weight * loss;
}

static void check_contrast(int64_t G, int64_t block) {
    struct contrast c = {open_ops(), G, random_array(G * G), zero_array(G), zero_array(G), 14.2, 0.5 / (double)G};
    double *gradient = copy_array(c.cosine, G * G), d_scale = 0;
    contrast_denominators(&c);
    for (int64_t first = 0; first < G; first += block) {
        int64_t R = G - first < block ? G - first : block;
        c.ops->contrastive_gradient(c.ops, gradient + first * G, &d_scale, c.row_lse + first, c.column_lse, c.scale,
                                    c.weight, first, R, G);
    }
    for (int64_t i = 0; i < G * G; i++) gradient[i] *= c.scale; // of the cosines, from that of the scaled logits
    assert_gradient(contrast_loss, &c, c.cosine, gradient, G * G, "d_cosine");
    assert_gradient(contrast_loss, &c, &c.scale, &d_scale, 1, "d_scale");
    free(c.cosine);
    free(c.row_lse);
    free(c.column_lse);
    free(gradient);
    ops_close(&c.ops);
}

static void test_contrastive(void **state) {
    (void)state;
    check_contrast(1, 1);
    check_contrast(7, 3);
    check_contrast(12, 12);
}

// The sigmoid loss of cosines [R,C] whose own pairs begin at column `first` of row 0.
struct sigmoid {
    struct ops *ops;
    int64_t R, C, first;
    double *cosine, *scratch;
    double scale, bias, weight;
};

static double sigmoid_loss(void *context) {
    struct sigmoid *c = context;
    double sums[3] = {0};
    memcpy(c->scratch, c->cosine, (size_t)(c->R * c->C) * sizeof *c->scratch);
    c->ops->sigmoid_loss(c->ops, sums, c->scratch, c->scale, c->bias, 1, false, c->first, c->R, c->C);
    assert_memory_equal(c->scratch, c->cosine, (size_t)(c->R * c->C) * sizeof *c->scratch);
    assert_true(sums[1] == 0 && sums[2] == 0);
    return c->weight * sums[0];
}

static void check_sigmoid(int64_t R, int64_t C, int64_t first, double bias) {
    struct sigmoid c = {open_ops(), R, C, first, random_array(R * C), zero_array(R * C), 10, bias, 0.3};
    double *gradient = copy_array(c.cosine, R * C), sums[3] = {0};
    c.ops->sigmoid_loss(c.ops, sums, gradient, c.scale, c.bias, c.weight, true, first, R, C);
    assert_true(fabs(c.weight * sums[0] - sigmoid_loss(&c)) < 1e-12);
    for (int64_t i = 0; i < R * C; i++) gradient[i] *= c.scale; // of the cosines, from that of the logits
    assert_gradient(sigmoid_loss, &c, c.cosine, gradient, R * C, "d_cosine");
    assert_gradient(sigmoid_loss, &c, &c.scale, &sums[1], 1, "d_scale");
    assert_gradient(sigmoid_loss, &c, &c.bias, &sums[2], 1, "d_bias");
    free(c.cosine);
    free(c.scratch);
    free(gradient);
    ops_close(&c.ops);
}

static void test_sigmoid(void **state) {
    (void)state;
    check_sigmoid(1, 1, 0, -10);
    check_sigmoid(5, 7, 1, -3);
    check_sigmoid(6, 4, -2, 0);
    check_sigmoid(3, 3, 7, -10); // a tile off the diagonal
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_contrastive),
                                       cmocka_unit_test(test_sigmoid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
