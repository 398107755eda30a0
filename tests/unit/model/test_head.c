// A task's head against PyTorch (tests/parity/make_head.py), backends against the reference, and what is asked of it
// besides numbers.
#include "base/random.h"
#include "fixture.h"
#include "model/towers/head_tower.h"

// A head on one backend, and one pass's inputs and results on the host.
struct bench {
    struct model_config config;
    struct ops *ops;
    struct params *params;
    struct head_tower *tower;
    int B;
    int64_t K, C;
    struct head_states states; // the rows are f32
    float *d_scores, *scores, *d_states;
};

// No model but what a head asks of one: both kinds of states are as wide.
static struct model_config config_of(enum task_kind task, int64_t K, int64_t C, int64_t queries, int heads) {
    return (struct model_config){.vision.width = (int)K,
                                 .decoder.width = (int)K,
                                 .head = {task, (int)C, (int)queries, heads, tasks[task].pictures}};
}

static void bench_open(struct bench *bench, const struct model_config *config, const char *device, enum dtype dtype) {
    *bench = (struct bench){.config = *config, .K = config_state_width(config), .C = config->head.classes};
    assert_int_equal(ops_open(&bench->ops, device, dtype, 2), 0);
    bench->params = params_new(bench->ops, config, &head_part, true);
}

static void bench_close(struct bench *bench) {
    head_tower_free(&bench->tower);
    params_free(&bench->params);
    ops_close(&bench->ops);
    free(bench->scores);
    free(bench->d_states);
}

static int longest_of(const struct head_states *states, int groups) {
    int longest = 0;
    for (int g = 0; g < groups; g++)
        if (states->count[g] > longest) longest = states->count[g];
    return longest;
}

// A tower with room for more than there is.
static void make_tower(struct bench *bench, int B, const struct head_states *states) {
    int longest = longest_of(states, B * config_joined(&bench->config));
    struct head_plan plan = {
        .batch = B + 2, .rows = states->rows + 3, .longest = longest + 1, .train = true, .gradient = true};
    bench->B = B;
    bench->states = *states;
    bench->tower = head_tower_new(&bench->config, bench->params, plan);
    bench->scores = xcalloc((size_t)(B * bench->C), sizeof *bench->scores);
    bench->d_states = xcalloc((size_t)(states->rows * bench->K), sizeof *bench->d_states);
}

// Forward and, by d_scores, backward, whose parameters' gradients stay in the block.
static void run(struct bench *bench, const float *d_scores) {
    size_t n = (size_t)(bench->states.rows * bench->K);
    void *rows = xmalloc(n * sizeof(float)), *d_rows = xmalloc(n * sizeof(float));
    struct head_states states = bench->states;
    dtype_convert(rows, bench->ops->dtype, states.row, DT_F32, n);
    states.row = rows;
    params_zero_gradient(bench->params);
    head_tower_forward(bench->tower, bench->B, &states, bench->scores);
    head_tower_backward(bench->tower, d_scores, d_rows);
    dtype_convert(bench->d_states, DT_F32, d_rows, bench->ops->dtype, n);
    free(rows);
    free(d_rows);
}

static float *gradient_of(const struct bench *bench) {
    size_t bytes = (size_t)bench->params->elements * sizeof(real);
    float *gradient = xmalloc(bytes);
    bench->ops->download(bench->ops, gradient, bench->params->gradient, bytes);
    return gradient;
}

// ---- PyTorch

static const struct {
    const char *name;
    enum task_kind task;
    int heads;
} goldens[] = {{"one", TASK_RECOGNITION, 4},
               {"queries", TASK_VQA, 2},
               {"joined", TASK_NLVR2, 1},
               {"joined_queries", TASK_NLVR2, 2}};
#define GOLDENS (sizeof goldens / sizeof *goldens)

static struct model_config golden_config(const struct safetensors *file, size_t index) {
    struct shape query = safetensors_find(file, "head.attn_pool.query")->shape;
    struct shape scores = safetensors_find(file, "scores")->shape;
    return config_of(goldens[index].task, query.dim[1], scores.dim[1], query.dim[0], goldens[index].heads);
}

static void compare(const struct safetensors *file, const char *name, const float *found) {
    float *wanted = golden_copy(file, name);
    assert_near(name, found, wanted, shape_count(safetensors_find(file, name)->shape), 1e-5);
    free(wanted);
}

static void compare_gradients(const struct bench *bench, const struct safetensors *file) {
    float *gradient = gradient_of(bench);
    for (int i = 0; i < bench->params->count; i++) {
        char *name = xformat("grad.%s", bench->params->item[i].name);
        compare(file, name, gradient + bench->params->item[i].offset);
        free(name);
    }
    free(gradient);
}

static void check_golden(size_t index, const char *device) {
    struct safetensors file;
    struct bench bench;
    char *path = xformat("parity/head/%s.safetensors", goldens[index].name);
    assert_int_equal(safetensors_open(&file, path), 0);
    struct model_config config = golden_config(&file, index);
    bench_open(&bench, &config, device, DT_REAL);
    assert_int_equal(params_load(bench.params, &file, path, NULL, 0), 0);
    float *states = golden_copy(&file, "states"), *d_scores = golden_copy(&file, "d_scores");
    int32_t *start = golden_copy(&file, "start"), *count = golden_copy(&file, "count");
    int64_t rows = safetensors_find(&file, "states")->shape.dim[0];
    make_tower(&bench, (int)safetensors_find(&file, "scores")->shape.dim[0],
               &(struct head_states){rows, states, start, count});
    run(&bench, d_scores);
    compare(&file, "scores", bench.scores);
    compare(&file, "d_states", bench.d_states);
    compare_gradients(&bench, &file);
    void *pieces[] = {states, d_scores, start, count, path};
    for (int i = 0; i < 5; i++) free(pieces[i]);
    bench_close(&bench);
    safetensors_close(&file);
}

static void test_pytorch(void **state) {
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        check_golden(i, "reference");
        check_golden(i, "cpu");
    }
}

// ---- random shapes

struct draws {
    struct random_key key;
    uint64_t drawn;
};

static int draw(struct draws *draws, int low, int high) {
    return low + (int)random_below(draws->key, draws->drawn++, (uint64_t)(high - low + 1));
}

static float *normal(struct draws *draws, int64_t n) {
    float *x = xcalloc((size_t)n + 1, sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)random_normal(draws->key, draws->drawn++);
    return x;
}

struct problem {
    struct model_config config;
    int B;
    struct head_states states;
    float *rows, *d_scores, *master;
    int32_t *start, *count;
};

// Groups of one to nine rows, or now and then of none, in ascending order with up to two rows of nobody before each.
static void draw_groups(struct problem *problem, struct draws *draws, int groups) {
    problem->start = xcalloc((size_t)groups, sizeof *problem->start);
    problem->count = xcalloc((size_t)groups, sizeof *problem->count);
    int at = 0;
    for (int g = 0; g < groups; g++) {
        at += draw(draws, 0, 3) % 3;
        problem->start[g] = at;
        problem->count[g] = draw(draws, 0, 9);
        at += problem->count[g];
    }
    at += draw(draws, 1, 2);
    problem->rows = normal(draws, at * (int64_t)config_state_width(&problem->config));
    problem->states = (struct head_states){at, problem->rows, problem->start, problem->count};
}

// Every tensor far from its initial distribution.
static void draw_weights(struct problem *problem, struct draws *draws) {
    struct params *layout = params_layout(&problem->config, &head_part);
    problem->master = xcalloc((size_t)layout->elements, sizeof *problem->master);
    for (int i = 0; i < layout->count; i++) {
        const struct param *param = &layout->item[i];
        double deviation = param->linear ? 1.2 / sqrt((double)param->shape.dim[1]) : 0.3;
        for (int64_t k = 0; k < shape_count(param->shape); k++)
            problem->master[param->offset + k] =
                (float)(param->mean + deviation * random_normal(draws->key, draws->drawn++));
    }
    params_free(&layout);
}

static void problem_draw(struct problem *problem, uint64_t seed) {
    static const enum task_kind kinds[] = {TASK_RECOGNITION, TASK_VQA, TASK_NLVR2};
    struct draws draws = {.key = random_key(seed, "head")};
    enum task_kind task = kinds[draw(&draws, 0, 2)];
    int heads = draw(&draws, 1, 4), queries = draw(&draws, 0, 1) ? 3 : 1;
    *problem =
        (struct problem){.config = config_of(task, heads * draw(&draws, 3, 20), draw(&draws, 1, 40), queries, heads)};
    problem->B = draw(&draws, 1, 5);
    draw_groups(problem, &draws, problem->B * config_joined(&problem->config));
    draw_weights(problem, &draws);
    problem->d_scores = normal(&draws, problem->B * (int64_t)problem->config.head.classes);
}

static void problem_release(struct problem *problem) {
    void *pieces[] = {problem->rows, problem->d_scores, problem->master, problem->start, problem->count};
    for (int i = 0; i < 5; i++) free(pieces[i]);
}

static void bench_solve(struct bench *bench, const struct problem *problem, const char *device, enum dtype dtype) {
    bench_open(bench, &problem->config, device, dtype);
    bench->ops->upload(bench->ops, bench->params->master, problem->master,
                       (size_t)bench->params->elements * sizeof(real));
    params_refresh(bench->params);
    make_tower(bench, problem->B, &problem->states);
    run(bench, problem->d_scores);
}

// In bf16 the reference begins with what is rounded.
static void round_numbers(float *x, int64_t n, enum dtype dtype) {
    void *narrow = xmalloc((size_t)n * sizeof *x);
    dtype_convert(narrow, dtype, x, DT_F32, (size_t)n);
    dtype_convert(x, DT_F32, narrow, dtype, (size_t)n);
    free(narrow);
}

static void round_problem(struct problem *problem, enum dtype dtype) {
    struct params *layout = params_layout(&problem->config, &head_part);
    round_numbers(problem->master, layout->elements, dtype);
    round_numbers(problem->rows, problem->states.rows * config_state_width(&problem->config), dtype);
    round_numbers(problem->d_scores, problem->B * (int64_t)problem->config.head.classes, dtype);
    params_free(&layout);
}

// Rows of no group have no gradient.
static void assert_gaps_are_zero(const struct bench *bench) {
    int64_t read = 0;
    for (int64_t r = 0; r < bench->states.rows; r++) {
        bool has = false, zero = true;
        for (int g = 0; g < bench->B * config_joined(&bench->config); g++)
            has |= r >= bench->states.start[g] && r < bench->states.start[g] + bench->states.count[g];
        for (int64_t k = 0; k < bench->K; k++) zero &= bench->d_states[r * bench->K + k] == 0;
        assert_true(has || zero);
        read += has;
    }
    assert_true(read < bench->states.rows);
}

static void agree(const struct bench *found, const struct bench *wanted, double tolerance) {
    float *left = gradient_of(found), *right = gradient_of(wanted);
    assert_near("scores", found->scores, wanted->scores, wanted->B * wanted->C, tolerance);
    assert_near("d_states", found->d_states, wanted->d_states, wanted->states.rows * wanted->K, tolerance);
    assert_near("gradients", left, right, wanted->params->elements, tolerance);
    assert_gaps_are_zero(found);
    free(left);
    free(right);
}

static void check_backend(const char *device, enum dtype dtype, double tolerance) {
    struct ops *ops;
    if (ops_open(&ops, device, dtype, 2)) skip();
    ops_close(&ops);
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct problem problem;
        struct bench found, wanted;
        problem_draw(&problem, seed);
        round_problem(&problem, dtype);
        bench_solve(&wanted, &problem, "reference", DT_REAL);
        bench_solve(&found, &problem, device, dtype);
        agree(&found, &wanted, tolerance);
        bench_close(&found);
        bench_close(&wanted);
        problem_release(&problem);
    }
}

static void test_cpu(void **state) {
    (void)state;
    check_backend("cpu", DT_REAL, 1e-5);
}

static void test_cpu_bf16(void **state) {
    (void)state;
    check_backend("cpu", DT_BF16, 2e-2);
}

static void test_cuda(void **state) {
    (void)state;
    check_backend("cuda:0", DT_REAL, 1e-5);
}

static void test_cuda_bf16(void **state) {
    (void)state;
    check_backend("cuda:0", DT_BF16, 2e-2);
}

// ---- passes

static double weighted(const struct bench *bench, const float *d_scores) {
    double sum = 0;
    for (int64_t i = 0; i < bench->B * bench->C; i++) sum += (double)d_scores[i] * bench->scores[i];
    return sum;
}

// The same with the last group moved to the last rows, which are nobody's.
static void run_elsewhere(struct bench *bench, const struct problem *problem) {
    int last = bench->B * config_joined(&bench->config) - 1;
    assert_true(problem->count[last] > 0);
    int32_t start = problem->start[last];
    problem->start[last] = (int32_t)problem->states.rows - problem->count[last];
    run(bench, problem->d_scores);
    problem->start[last] = start;
}

// A pass has the same bits whatever the one before it was of, and whatever lies in nobody's rows.
static void test_a_pass_stands_alone(void **state) {
    (void)state;
    struct problem problem;
    struct bench bench;
    problem_draw(&problem, 3);
    bench_solve(&bench, &problem, "cpu", DT_REAL);
    float *gradient = gradient_of(&bench), *scores = bench.scores, *d_states = bench.d_states;
    size_t states = (size_t)(bench.states.rows * bench.K), n = (size_t)(bench.B * bench.C);
    bench.scores = xcalloc(n, sizeof(float));
    bench.d_states = xcalloc(states, sizeof(float));
    run_elsewhere(&bench, &problem);
    assert_memory_not_equal(bench.d_states, d_states, states * sizeof(float));
    problem.rows[states - 1] += 100;
    run(&bench, problem.d_scores);
    float *again = gradient_of(&bench);
    assert_memory_equal(bench.scores, scores, n * sizeof(float));
    assert_memory_equal(bench.d_states, d_states, states * sizeof(float));
    assert_memory_equal(again, gradient, (size_t)bench.params->elements * sizeof(float));
    void *pieces[] = {gradient, scores, d_states, again};
    for (int i = 0; i < 4; i++) free(pieces[i]);
    bench_close(&bench);
    problem_release(&problem);
}

// Gradients add up over passes, and states' are left out where nobody wants them.
static void test_gradients_accumulate(void **state) {
    (void)state;
    struct problem problem;
    struct bench bench;
    problem_draw(&problem, 5);
    bench_solve(&bench, &problem, "reference", DT_REAL);
    float *once = gradient_of(&bench);
    head_tower_forward(bench.tower, bench.B, &problem.states, bench.scores);
    head_tower_backward(bench.tower, problem.d_scores, NULL);
    float *twice = gradient_of(&bench);
    for (int64_t i = 0; i < bench.params->elements; i++) once[i] *= 2;
    assert_near("gradients", twice, once, bench.params->elements, 1e-6);
    free(once);
    free(twice);
    bench_close(&bench);
    problem_release(&problem);
}

// Along the states' gradient the scores grow by its square.
static void test_differences(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct problem problem;
        struct bench bench;
        problem_draw(&problem, seed);
        bench_solve(&bench, &problem, "reference", DT_REAL);
        int64_t n = bench.states.rows * bench.K;
        double square = 0, change = 0, step;
        for (int64_t i = 0; i < n; i++) square += (double)bench.d_states[i] * bench.d_states[i];
        if (square > 0) {
            step = 4e-3 / sqrt(square);
            for (int side = 1; side >= -1; side -= 2) {
                float *moved = xmalloc((size_t)n * sizeof *moved);
                for (int64_t i = 0; i < n; i++) moved[i] = (float)(problem.rows[i] + side * step * bench.d_states[i]);
                struct head_states states = problem.states;
                states.row = moved;
                head_tower_forward(bench.tower, bench.B, &states, bench.scores);
                change += side * weighted(&bench, problem.d_scores);
                free(moved);
            }
            assert_near_number("growth", change / (2 * step), square, 1e-2);
        }
        bench_close(&bench);
        problem_release(&problem);
    }
}

static int64_t allocated;
static void (*allocate)(struct ops *ops, void **memory, size_t bytes);

static void counting_allocate(struct ops *ops, void **memory, size_t bytes) {
    allocated += (int64_t)bytes;
    allocate(ops, memory, bytes);
}

// A tower that scores alone is smaller, has the same scores, and both take what they announce.
static void test_without_training(void **state) {
    (void)state;
    struct problem problem;
    struct bench bench;
    problem_draw(&problem, 6);
    bench_solve(&bench, &problem, "cpu", DT_REAL);
    struct head_plan plan = {.batch = problem.B, .rows = problem.states.rows, .longest = 9};
    struct head_plan train = {.batch = problem.B, .rows = problem.states.rows, .longest = 9, .train = true};
    size_t n = (size_t)(bench.B * bench.C);
    float *scores = xcalloc(n, sizeof *scores);
    allocate = bench.ops->allocate;
    bench.ops->allocate = counting_allocate;
    allocated = 0;
    struct head_tower *tower = head_tower_new(&problem.config, bench.params, plan);
    assert_int_equal(allocated, head_tower_bytes(&problem.config, bench.ops, plan));
    assert_true(allocated < head_tower_bytes(&problem.config, bench.ops, train));
    head_tower_forward(tower, problem.B, &problem.states, scores);
    assert_int_equal(allocated, head_tower_bytes(&problem.config, bench.ops, plan));
    assert_memory_equal(scores, bench.scores, n * sizeof *scores);
    head_tower_free(&tower);
    free(scores);
    bench_close(&bench);
    problem_release(&problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_cpu_bf16),
        cmocka_unit_test(test_cuda),
        cmocka_unit_test(test_cuda_bf16),
        cmocka_unit_test(test_a_pass_stands_alone),
        cmocka_unit_test(test_gradients_accumulate),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_without_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
