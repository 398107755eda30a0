// The chunked caption head against its definition, over more rows than one chunk holds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/layers/caption_head.h"

enum { R = 2 * CAPTION_CHUNK + 96, D = 6, V = 9 };
#define SCALE 0.3

struct problem {
    real *in, *weight; // [R,D], [D,V]
    int32_t *target;   // [R]
    double *logits, *d_logits;
    double nll;
};

static real *random_reals(const char *name, int64_t n) {
    real *values = xcalloc((size_t)n, sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = (real)random_normal(random_key(1, name), (uint64_t)i);
    return values;
}

static void solve_row(struct problem *p, int r) {
    double *logits = p->logits + r * V, sum = 0;
    for (int v = 0; v < V; v++) {
        for (int d = 0; d < D; d++) logits[v] += (double)p->in[r * D + d] * p->weight[d * V + v];
        sum += exp(logits[v]);
    }
    if (p->target[r] < 0) return;
    p->nll += log(sum) - logits[p->target[r]];
    for (int v = 0; v < V; v++) p->d_logits[r * V + v] = SCALE * (exp(logits[v]) / sum - (v == p->target[r]));
}

static void problem_init(struct problem *p) {
    *p = (struct problem){.in = random_reals("in", R * D),
                          .weight = random_reals("weight", D * V),
                          .target = xcalloc(R, sizeof *p->target),
                          .logits = xcalloc(R * V, sizeof *p->logits),
                          .d_logits = xcalloc(R * V, sizeof *p->d_logits)};
    for (int r = 0; r < R; r++) {
        p->target[r] = r % 7 == 3 ? -1 : r % V;
        solve_row(p, r);
    }
}

static void problem_release(struct problem *p) {
    void *pieces[] = {p->in, p->weight, p->target, p->logits, p->d_logits};
    for (int i = 0; i < 5; i++) free(pieces[i]);
}

static void assert_close(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-4 * (1 + fabs(wanted)))) fail_msg("%.9g, not %.9g", found, wanted);
}

static void check_gradients(const struct problem *p, const real *d_in, const real *d_weight) {
    for (int r = 0; r < R; r++)
        for (int d = 0; d < D; d++) {
            double wanted = 0;
            for (int v = 0; v < V; v++) wanted += p->d_logits[r * V + v] * p->weight[d * V + v];
            assert_close(d_in[r * D + d], wanted);
        }
    for (int d = 0; d < D; d++)
        for (int v = 0; v < V; v++) {
            double wanted = 0;
            for (int r = 0; r < R; r++) wanted += p->d_logits[r * V + v] * p->in[r * D + d];
            assert_close(d_weight[d * V + v], wanted);
        }
}

static double run(struct ops *ops, const struct linear *head, struct caption_scratch *scratch, real *d_in, real *logits,
                  const struct problem *p) {
    caption_head_begin(ops, scratch, SCALE);
    caption_head_run(ops, head, scratch, d_in, logits, p->in, p->target, R);
    return caption_head_total(ops, scratch);
}

static void test_chunks(void **state) {
    (void)state;
    struct problem p;
    struct ops *ops;
    struct arena arena;
    struct caption_scratch scratch;
    problem_init(&p);
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    real *d_in = xcalloc(R * D, sizeof *d_in), *d_weight = xcalloc(D * V, sizeof *d_weight);
    real *logits = xcalloc(R * V, sizeof *logits);
    size_t bytes = CAPTION_CHUNK * V * sizeof(real) + 3 * ARENA_ALIGN;
    void *memory = xaligned(bytes);
    arena_begin(&arena, memory, bytes);
    caption_head_plan(&scratch, R, V, &(struct planner){&arena, DT_REAL, true});
    struct linear head =
        linear_matrix((struct weight){.value = p.weight, .master = p.weight, .gradient = d_weight}, D, V);
    assert_close(run(ops, &head, &scratch, NULL, NULL, &p), p.nll);
    for (int i = 0; i < D * V; i++) assert_true(d_weight[i] == 0);
    assert_close(run(ops, &head, &scratch, d_in, logits, &p), p.nll);
    for (int i = 0; i < R * V; i++) assert_close(logits[i], p.logits[i]);
    check_gradients(&p, d_in, d_weight);
    void *pieces[] = {d_in, d_weight, logits, memory};
    for (int i = 0; i < 4; i++) free(pieces[i]);
    ops_close(&ops);
    problem_release(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
