// The losses of a head against torch.nn's (tests/parity/make_head.py), and their gradients against differences.
#include "fixture.h"
#include "model/towers/head_loss.h"

static const struct {
    const char *name;
    enum head_loss_kind kind;
} cases[] = {
    {"classes", HEAD_SOFTMAX},   {"smoothed", HEAD_SOFTMAX},         {"unlabelled", HEAD_SOFTMAX},
    {"confident", HEAD_SOFTMAX}, {"answers", HEAD_SOFTMAX},          {"answers_smoothed", HEAD_SOFTMAX},
    {"sigmoid", HEAD_SIGMOID},   {"sigmoid_smoothed", HEAD_SIGMOID}, {"sigmoid_confident", HEAD_SIGMOID},
};
#define CASES (sizeof cases / sizeof *cases)

// A case as it was read.
struct loss_case {
    const char *name;
    enum head_loss_kind kind;
    int B, C;
    struct head_targets targets;
    float *scores, *share, *d_scores, *smoothing;
    int32_t *label;
    double *loss;
    int64_t *correct;
};

static void *copy_of(const struct safetensors *file, const char *name, const char *what, struct shape *shape) {
    char *key = xformat("%s.%s", name, what);
    void *copy = golden_copy(file, key);
    if (shape) *shape = safetensors_find(file, key)->shape;
    free(key);
    return copy;
}

static void case_open(struct loss_case *c, const struct safetensors *file, size_t index) {
    struct shape scores, label;
    *c = (struct loss_case){.name = cases[index].name, .kind = cases[index].kind};
    c->scores = copy_of(file, c->name, "scores", &scores);
    c->label = copy_of(file, c->name, "label", &label);
    c->share = copy_of(file, c->name, "share", NULL);
    c->d_scores = copy_of(file, c->name, "d_scores", NULL);
    c->smoothing = copy_of(file, c->name, "smoothing", NULL);
    c->loss = copy_of(file, c->name, "loss", NULL);
    c->correct = copy_of(file, c->name, "correct", NULL);
    c->B = (int)scores.dim[0];
    c->C = (int)scores.dim[1];
    c->targets = (struct head_targets){(int)label.dim[1], c->label, c->share};
}

static void case_close(struct loss_case *c) {
    void *pieces[] = {c->scores, c->share, c->d_scores, c->smoothing, c->label, c->loss, c->correct};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
}

static struct head_loss run(const struct loss_case *c, const float *scores, double scale, float *d_scores) {
    return head_loss_run(c->kind, scores, c->B, c->C, &c->targets, *c->smoothing, scale, d_scores);
}

typedef void case_check(const struct loss_case *c);

static void on_cases(case_check *check) {
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, "parity/head/loss.safetensors"), 0);
    for (size_t i = 0; i < CASES; i++) {
        struct loss_case c;
        case_open(&c, &file, i);
        check(&c);
        case_close(&c);
    }
    safetensors_close(&file);
}

static void check_golden(const struct loss_case *c) {
    int64_t n = (int64_t)c->B * c->C;
    float *found = xmalloc((size_t)n * sizeof *found), *scaled = xmalloc((size_t)n * sizeof *scaled);
    struct head_loss loss = run(c, c->scores, 1, found);
    assert_near_number(c->name, loss.sum, *c->loss, 1e-12);
    assert_int_equal(loss.correct, *c->correct);
    assert_near(c->name, found, c->d_scores, n, 1e-7);
    struct head_loss again = run(c, c->scores, 0.25, scaled);
    assert_true(again.sum == loss.sum && run(c, c->scores, 1, NULL).sum == loss.sum);
    for (int64_t i = 0; i < n; i++) assert_true(scaled[i] == found[i] / 4);
    free(found);
    free(scaled);
}

static void test_golden(void **state) {
    (void)state;
    on_cases(check_golden);
}

// Steps are between neighbouring floats' roundings: what was stepped is what was stored.
static void check_differences(const struct loss_case *c) {
    int64_t n = (int64_t)c->B * c->C;
    float *claimed = xmalloc((size_t)n * sizeof *claimed), *measured = xmalloc((size_t)n * sizeof *measured);
    run(c, c->scores, 1, claimed);
    for (int64_t i = 0; i < n; i++) {
        float before = c->scores[i];
        volatile float above = before + 1e-3F, below = before - 1e-3F;
        c->scores[i] = above;
        double loss = run(c, c->scores, 1, NULL).sum;
        c->scores[i] = below;
        loss -= run(c, c->scores, 1, NULL).sum;
        c->scores[i] = before;
        measured[i] = (float)(loss / ((double)above - below));
    }
    assert_near(c->name, measured, claimed, n, 1e-4);
    free(claimed);
    free(measured);
}

static void test_differences(void **state) {
    (void)state;
    on_cases(check_differences);
}

// A label that is given twice has both shares; a sample without any is neither right nor, of a softmax, lost.
static void test_labels_twice_and_none(void **state) {
    (void)state;
    const float scores[6] = {0, 1, 2, 3, 1, 0};
    const int32_t twice[6] = {1, 2, 1, -1, -1, -1}, once[4] = {1, 2, -1, -1};
    const float halves[6] = {0.25F, 0.4F, 0.25F, 1, 1, 1}, whole[4] = {0.5F, 0.4F, 1, 1};
    const struct head_targets a = {3, twice, halves}, b = {2, once, whole};
    for (int kind = HEAD_SOFTMAX; kind <= HEAD_SIGMOID; kind++) {
        float left[6], right[6];
        struct head_loss two = head_loss_run((enum head_loss_kind)kind, scores, 2, 3, &a, 0.1, 1, left);
        struct head_loss one = head_loss_run((enum head_loss_kind)kind, scores, 2, 3, &b, 0.1, 1, right);
        assert_near_number("loss", two.sum, one.sum, 1e-7);
        assert_near("gradient", left, right, 6, 1e-6);
        assert_int_equal(two.correct, 0); // the best score is label 2's, whose share is not the largest
        bool zero = left[3] == 0 && left[4] == 0 && left[5] == 0;
        assert_int_equal(zero, kind == HEAD_SOFTMAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_labels_twice_and_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
