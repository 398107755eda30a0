// One transformer block's training step, operation by operation, against oneDNN's own matrix-product rate.
//
//     bench_ops [THREADS]
//
// A time is the shortest of several steps, and the whole step is the sum of these; rates count useful operations only
// (products and attention). "of peak" is the rate over the best that oneDNN reaches on the same shapes, weights packed,
// in turns with these steps, in the same precision and held to the same instructions (AMX is not among them). A CPU
// with AVX-512 runs AVX2's code too, beside its own. Exits 1 when a whole step is below its limit.
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dnnl.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "ops/cpu/kernels.h"
#include "ops/ops.h"

#define SECONDS 4.0 // for the steps of a shape in a precision at a level
#define TURNS 2     // of oneDNN, half a second for a product: its threads take a while to find a core each

// Levels of instructions, the newest first: COCA_ISA's word, and oneDNN's.
enum level { V4, V3, LEVELS };
static const struct {
    const char *word;
    dnnl_cpu_isa_t isa;
} levels[LEVELS] = {[V4] = {"v4", dnnl_cpu_isa_avx512_core_bf16}, [V3] = {"v3", dnnl_cpu_isa_avx2}};

struct shape {
    const char *name;
    int64_t B, T, D, M, V; // samples, tokens, widths of the block and its MLP, columns of the vocabulary head
    int H;
    double limit[LEVELS]; // of the whole step, as a share of oneDNN's rate
};

static const struct shape shapes[] = {
    {.name = "base: 8 x 256 tokens, width 768, 12 heads, head of 512 rows x 8192",
     .B = 8,
     .T = 256,
     .D = 768,
     .M = 3072,
     .V = 8192,
     .H = 12,
     .limit = {[V4] = 0.55, [V3] = 0.75}},
    {.name = "tiny: 64 x 16 tokens, width 128, 4 heads, head of 256 rows x 4096",
     .B = 64,
     .T = 16,
     .D = 128,
     .M = 512,
     .V = 4096,
     .H = 4,
     .limit = {[V4] = 0.35, [V3] = 0.65}},
};

// ---- oneDNN's rate

static void check(dnnl_status_t status, const char *what) {
    if (status != dnnl_success) die(EXIT_RUN, "oneDNN: %s failed (%d)", what, (int)status);
}

struct matmul {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[3];
    void *memory[3];
};

static void *filled(size_t bytes) {
    void *memory = xaligned(bytes);
    memset(memory, 0, bytes);
    return memory;
}

static void matmul_bind(struct matmul *matmul, int i, int argument, dnnl_engine_t engine,
                        const dnnl_memory_desc_t *layout) {
    matmul->memory[i] = filled(dnnl_memory_desc_get_size(layout));
    matmul->arguments[i].arg = argument;
    check(dnnl_memory_create(&matmul->arguments[i].memory, layout, engine, matmul->memory[i]), "memory");
}

static struct matmul matmul_new(dnnl_engine_t engine, dnnl_data_type_t type, int64_t R, int64_t K, int64_t N) {
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t operation;
    dnnl_primitive_desc_t description;
    struct matmul matmul;
    check(dnnl_memory_desc_init_by_tag(&a, 2, (dnnl_dims_t){R, K}, type, dnnl_ab), "layout");
    check(dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){K, N}, type, dnnl_format_tag_any), "layout");
    check(dnnl_memory_desc_init_by_tag(&c, 2, (dnnl_dims_t){R, N}, type, dnnl_ab), "layout");
    check(dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c), "matmul");
    check(dnnl_primitive_desc_create(&description, &operation, NULL, engine, NULL), "matmul");
    check(dnnl_primitive_create(&matmul.primitive, description), "matmul");
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    matmul_bind(&matmul, 0, DNNL_ARG_SRC, engine, &a);
    matmul_bind(&matmul, 1, DNNL_ARG_WEIGHTS, engine, packed);
    matmul_bind(&matmul, 2, DNNL_ARG_DST, engine, &c);
    dnnl_primitive_desc_destroy(description);
    return matmul;
}

static void matmul_free(struct matmul *matmul) {
    dnnl_primitive_destroy(matmul->primitive);
    for (int i = 0; i < 3; i++) {
        dnnl_memory_destroy(matmul->arguments[i].memory);
        free(matmul->memory[i]);
    }
}

static double matmul_rate(dnnl_data_type_t type, int64_t R, int64_t K, int64_t N) {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine");
    check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "stream");
    struct matmul matmul = matmul_new(engine, type, R, K, N);
    double best = INFINITY, until = clock_seconds() + SECONDS / 8;
    for (int i = 0; i < 3 || clock_seconds() < until; i++) {
        double start = clock_seconds();
        check(dnnl_primitive_execute(matmul.primitive, stream, 3, matmul.arguments), "execution");
        check(dnnl_stream_wait(stream), "execution");
        best = fmin(best, clock_seconds() - start);
    }
    matmul_free(&matmul);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
    return 2.0 * (double)R * (double)K * (double)N / best;
}

static double best_matmul_rate(const struct shape *s, enum dtype dtype, int threads) {
    dnnl_data_type_t type = dtype == DT_BF16 ? dnnl_bf16 : dnnl_f32;
    omp_set_num_threads(threads);
    int64_t R = s->B * s->T;
    double up = matmul_rate(type, R, s->D, s->M), down = matmul_rate(type, R, s->M, s->D);
    double square = matmul_rate(type, R, s->D, s->D);
    omp_set_num_threads(1);
    return fmax(fmax(up, down), square);
}

// ---- one block, its vocabulary head and its optimizer

enum weight { QKV, PROJECTION, UP, DOWN, HEAD, WEIGHTS };

struct block {
    struct ops *ops;
    const struct shape *s;
    int64_t R, head_rows, elements[WEIGHTS], parameters;
    void *value[WEIGHTS], *bias;
    real *master, *m, *v, *gradient, *gradient_of[WEIGHTS], *d_bias, *norm_weight, *norm_bias, *d_norm;
    void *x, *normed, *qkv, *attended, *middle, *normed2, *pre, *hidden, *out, *logits;
    void *d_x, *d_normed, *d_qkv, *d_attended, *d_hidden;
    real *mean, *rstd, *lse;
    double *total;
    real *scale;
    int32_t *target, *start, *count;
    struct attention_shape attention;
};

// What is known of it without memory.
static struct block block_of(const struct shape *s) {
    return (struct block){.s = s, .R = s->B * s->T, .head_rows = s->B * s->T / 4};
}

static struct linear_shape map_of(const struct block *b, enum weight weight) {
    int64_t D = b->s->D;
    const struct linear_shape maps[WEIGHTS] = {
        [QKV] = {b->R, D, 3 * D, WEIGHT_OUT_IN},
        [PROJECTION] = {b->R, D, D, WEIGHT_OUT_IN},
        [UP] = {b->R, D, b->s->M, WEIGHT_OUT_IN},
        [DOWN] = {b->R, b->s->M, D, WEIGHT_OUT_IN},
        [HEAD] = {b->head_rows, D, b->s->V, WEIGHT_IN_OUT},
    };
    return maps[weight];
}

static void *random_elements(struct ops *ops, int64_t n, double factor) {
    float *values = xmalloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = (float)(factor * ((double)(i * 7919 % 1009) / 504 - 1));
    void *memory = ops_allocate(ops, (size_t)n * dtype_size(ops->dtype));
    ops->convert(ops, memory, ops->dtype, values, DT_F32, n);
    free(values);
    return memory;
}

static real *zeros(struct ops *ops, int64_t n) {
    return ops_allocate(ops, (size_t)n * sizeof(real));
}

static void block_parameters(struct block *b) {
    struct ops *ops = b->ops;
    for (int w = 0; w < WEIGHTS; w++) {
        struct linear_shape map = map_of(b, (enum weight)w);
        b->elements[w] = map.I * map.O;
        b->parameters += b->elements[w];
    }
    b->master = zeros(ops, b->parameters);
    b->m = zeros(ops, b->parameters);
    b->v = zeros(ops, b->parameters);
    b->gradient = zeros(ops, b->parameters);
    char *value = random_elements(ops, b->parameters, 0.05);
    int64_t at = 0;
    for (int w = 0; w < WEIGHTS; at += b->elements[w++]) {
        b->value[w] = value + (size_t)at * dtype_size(ops->dtype);
        b->gradient_of[w] = b->gradient + at;
    }
    ops->convert(ops, b->master, DT_F32, value, ops->dtype, b->parameters);
}

static void block_activations(struct block *b) {
    struct ops *ops = b->ops;
    int64_t D = b->s->D, R = b->R;
    void **rows[] = {&b->x,   &b->normed, &b->attended, &b->middle,    &b->normed2,
                     &b->out, &b->d_x,    &b->d_normed, &b->d_attended};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = random_elements(ops, R * D, 1);
    b->qkv = random_elements(ops, 3 * R * D, 1);
    b->d_qkv = random_elements(ops, 3 * R * D, 1);
    b->pre = random_elements(ops, R * b->s->M, 1);
    b->hidden = random_elements(ops, R * b->s->M, 1);
    b->d_hidden = random_elements(ops, R * b->s->M, 1);
    b->logits = random_elements(ops, b->head_rows * b->s->V, 1);
    b->bias = random_elements(ops, b->s->V, 0.1);
    b->d_bias = zeros(ops, b->s->V);
    b->norm_weight = zeros(ops, D);
    b->norm_bias = zeros(ops, D);
    b->d_norm = zeros(ops, 2 * D);
    b->mean = zeros(ops, R);
    b->rstd = zeros(ops, R);
    b->lse = zeros(ops, R * b->s->H);
    b->total = ops_allocate(ops, sizeof *b->total);
    b->scale = ops_allocate(ops, sizeof *b->scale);
    ops->upload(ops, b->scale, &(real){1e-3f}, sizeof *b->scale);
}

static struct block block_new(struct ops *ops, const struct shape *s) {
    struct block b = block_of(s);
    b.ops = ops;
    block_parameters(&b);
    block_activations(&b);
    b.target = ops_allocate(ops, (size_t)b.R * sizeof *b.target);
    b.start = ops_allocate(ops, (size_t)s->B * sizeof *b.start);
    b.count = ops_allocate(ops, (size_t)s->B * sizeof *b.count);
    for (int64_t i = 0; i < s->B; i++) {
        b.start[i] = (int32_t)(i * s->T);
        b.count[i] = (int32_t)s->T;
    }
    int T = (int)s->T, width = (int)s->D / s->H;
    b.attention = (struct attention_shape){
        .B = (int)s->B, .H = s->H, .width = width, .q_stride = 3 * s->D, .q_max = T, .k_max = T};
    b.attention.kv_stride = 3 * s->D;
    b.attention.out_stride = s->D;
    b.attention.q_start = b.attention.k_start = b.start;
    b.attention.q_count = b.attention.k_count = b.count;
    return b;
}

// ---- its training step

static const void *third(const struct block *b, const void *rows, int part) {
    return (const char *)rows + (size_t)(part * b->s->D) * dtype_size(b->ops->dtype);
}

static void norm_forward(struct block *b) {
    b->ops->layernorm_forward(b->ops, b->normed, b->mean, b->rstd, b->x, b->norm_weight, b->norm_bias, b->R, b->s->D);
}
static void qkv_forward(struct block *b) {
    b->ops->linear_forward(b->ops, b->qkv, b->normed, b->value[QKV], b->bias, NULL, map_of(b, QKV));
}
static void attention_forward(struct block *b) {
    b->ops->attention_forward(b->ops, b->attended, b->lse, b->qkv, third(b, b->qkv, 1), third(b, b->qkv, 2),
                              &b->attention);
}
static void projection_forward(struct block *b) {
    b->ops->linear_forward(b->ops, b->middle, b->attended, b->value[PROJECTION], b->bias, b->x, map_of(b, PROJECTION));
}
static void up_forward(struct block *b) {
    b->ops->linear_activation_forward(b->ops, b->hidden, b->pre, b->normed2, b->value[UP], b->bias, map_of(b, UP),
                                      ACTIVATION_GELU);
}
static void down_forward(struct block *b) {
    b->ops->linear_forward(b->ops, b->out, b->hidden, b->value[DOWN], b->bias, b->middle, map_of(b, DOWN));
}
static void head_forward(struct block *b) {
    b->ops->linear_forward(b->ops, b->logits, b->out, b->value[HEAD], NULL, NULL, map_of(b, HEAD));
}
static void head_loss(struct block *b) {
    b->ops->cross_entropy(b->ops, b->total, b->logits, b->target, b->scale, true, b->head_rows, b->s->V);
}
static void head_backward_input(struct block *b) {
    b->ops->linear_backward_input(b->ops, b->d_x, b->logits, b->value[HEAD], map_of(b, HEAD), false);
}
static void head_backward_weight(struct block *b) {
    b->ops->linear_backward_weight(b->ops, b->gradient_of[HEAD], NULL, b->logits, b->out, map_of(b, HEAD));
}
static void down_backward_input(struct block *b) {
    b->ops->linear_activation_backward_input(b->ops, b->d_hidden, b->d_x, b->value[DOWN], b->pre, map_of(b, DOWN),
                                             ACTIVATION_GELU);
}
static void down_backward_weight(struct block *b) {
    b->ops->linear_backward_weight(b->ops, b->gradient_of[DOWN], b->d_bias, b->d_x, b->hidden, map_of(b, DOWN));
}
static void up_backward_input(struct block *b) {
    b->ops->linear_backward_input(b->ops, b->d_normed, b->d_hidden, b->value[UP], map_of(b, UP), false);
}
static void up_backward_weight(struct block *b) {
    b->ops->linear_backward_weight(b->ops, b->gradient_of[UP], b->d_bias, b->d_hidden, b->normed2, map_of(b, UP));
}
static void norm_backward(struct block *b) {
    b->ops->layernorm_backward(b->ops, b->d_x, b->d_norm, b->d_norm + b->s->D, b->d_normed, b->x, b->norm_weight,
                               b->mean, b->rstd, b->R, b->s->D, true);
}
static void projection_backward_input(struct block *b) {
    b->ops->linear_backward_input(b->ops, b->d_attended, b->d_x, b->value[PROJECTION], map_of(b, PROJECTION), false);
}
static void projection_backward_weight(struct block *b) {
    b->ops->linear_backward_weight(b->ops, b->gradient_of[PROJECTION], b->d_bias, b->d_x, b->attended,
                                   map_of(b, PROJECTION));
}
static void attention_backward(struct block *b) {
    char *dq = b->d_qkv;
    size_t part = (size_t)b->s->D * dtype_size(b->ops->dtype);
    b->ops->attention_backward(b->ops, dq, dq + part, dq + 2 * part, b->d_attended, b->qkv, third(b, b->qkv, 1),
                               third(b, b->qkv, 2), b->attended, b->lse, &b->attention);
}
static void qkv_backward_input(struct block *b) {
    b->ops->linear_backward_input(b->ops, b->d_normed, b->d_qkv, b->value[QKV], map_of(b, QKV), false);
}
static void qkv_backward_weight(struct block *b) {
    b->ops->linear_backward_weight(b->ops, b->gradient_of[QKV], b->d_bias, b->d_qkv, b->normed, map_of(b, QKV));
}
static void gradient_norm(struct block *b) {
    b->ops->sum_squares(b->ops, b->total, b->gradient, b->parameters);
}
static void optimizer(struct block *b) {
    struct adamw_step step = {1e-4, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, 1};
    b->ops->adamw(b->ops, b->master, b->m, b->v, b->gradient, b->parameters, &step);
    b->ops->zero(b->ops, b->gradient, (size_t)b->parameters * sizeof(real));
    b->ops->convert(b->ops, b->value[0], b->ops->dtype, b->master, DT_F32, b->parameters);
    b->ops->weights_changed(b->ops);
}

static double map_flops(const struct block *b, int weight) {
    struct linear_shape map = map_of(b, (enum weight)weight);
    return 2.0 * (double)map.R * (double)map.I * (double)map.O;
}
static double attention_flops(const struct block *b, int products) {
    return 2.0 * products * (double)b->R * (double)b->s->T * (double)b->s->D;
}
static double no_flops(const struct block *b, int none) {
    (void)b, (void)none;
    return 0;
}

static const struct operation {
    const char *name;
    void (*run)(struct block *b);
    double (*flops)(const struct block *b, int argument);
    int argument;
} step[] = {
    {"layernorm forward", norm_forward, no_flops, 0},
    {"qkv forward", qkv_forward, map_flops, QKV},
    {"attention forward", attention_forward, attention_flops, 2},
    {"projection forward + residual", projection_forward, map_flops, PROJECTION},
    {"layernorm forward", norm_forward, no_flops, 0},
    {"up forward + gelu", up_forward, map_flops, UP},
    {"down forward + residual", down_forward, map_flops, DOWN},
    {"head forward", head_forward, map_flops, HEAD},
    {"cross entropy", head_loss, no_flops, 0},
    {"head backward input", head_backward_input, map_flops, HEAD},
    {"head backward weight", head_backward_weight, map_flops, HEAD},
    {"down backward input + gelu", down_backward_input, map_flops, DOWN},
    {"down backward weight", down_backward_weight, map_flops, DOWN},
    {"up backward input", up_backward_input, map_flops, UP},
    {"up backward weight", up_backward_weight, map_flops, UP},
    {"layernorm backward", norm_backward, no_flops, 0},
    {"projection backward input", projection_backward_input, map_flops, PROJECTION},
    {"projection backward weight", projection_backward_weight, map_flops, PROJECTION},
    {"attention backward", attention_backward, attention_flops, 4},
    {"qkv backward input", qkv_backward_input, map_flops, QKV},
    {"qkv backward weight", qkv_backward_weight, map_flops, QKV},
    {"layernorm backward", norm_backward, no_flops, 0},
    {"gradient norm", gradient_norm, no_flops, 0},
    {"adamw, zero, convert", optimizer, no_flops, 0},
};
enum { OPERATIONS = sizeof step / sizeof *step };

// The shortest time of each operation in seconds, and their sum.
struct timing {
    double operation[OPERATIONS], whole;
};

static void time_steps(struct timing *best, struct block *b) {
    double until = clock_seconds() + SECONDS / TURNS;
    for (int round = 0; round < 2 || clock_seconds() < until; round++) {
        double before = clock_seconds();
        for (int i = 0; i < OPERATIONS; i++) {
            step[i].run(b);
            double now = clock_seconds();
            best->operation[i] = fmin(best->operation[i], now - before);
            before = now;
        }
    }
}

// ---- a shape in a precision, at each level

struct measured {
    double peak;
    struct timing best;
    int threads;
};

static void measure(struct measured *measured, const struct shape *s, enum dtype dtype, int threads) {
    struct ops *ops;
    if (ops_open(&ops, "cpu", dtype, threads)) exit(EXIT_RUN);
    measured->threads = ops->threads;
    struct block b = block_new(ops, s);
    struct timing *best = &measured->best;
    for (int i = 0; i < OPERATIONS; i++) best->operation[i] = INFINITY;
    for (int turn = 0; turn < TURNS; turn++) {
        measured->peak = fmax(measured->peak, best_matmul_rate(s, dtype, ops->threads));
        time_steps(best, &b);
    }
    for (int i = 0; i < OPERATIONS; i++) best->whole += best->operation[i];
}

// In a process of its own, since oneDNN asks once for the instructions that it may use.
static void measure_level(struct measured *measured, const struct shape *s, enum dtype dtype, int threads,
                          enum level level) {
    pid_t child = fork();
    if (child < 0) die(EXIT_RUN, "cannot start a process");
    if (!child) {
        setenv("COCA_ISA", levels[level].word, 1);
        check(dnnl_set_max_cpu_isa(levels[level].isa), "the limit of instructions");
        measure(measured, s, dtype, threads);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status) die(EXIT_RUN, "%s: the measurement failed", levels[level].word);
}

// Those that this CPU has; bf16 at the first alone, as oneDNN has no other for it.
static bool measurable(enum level level, enum dtype dtype) {
    if (level == V3) return dtype == DT_F32 && kernels_run(&kernels_v3_f32);
    return kernels_run(&kernels_v4_f32) && kernels_for(dtype);
}

static double step_flops(const struct block *b) {
    double flops = 0;
    for (int i = 0; i < OPERATIONS; i++) flops += step[i].flops(b, step[i].argument);
    return flops;
}

static void print_time(double seconds, double flops, const struct measured *m) {
    printf(" | %10.1f %6.1f%%", 1e6 * seconds, 100 * seconds / m->best.whole);
    if (flops > 0)
        printf(" %8.1f %7.0f%%", 1e-9 * flops / seconds, 100 * flops / seconds / m->peak);
    else
        printf(" %8s %8s", "", "");
}

static void print_head(const struct shape *s, enum dtype dtype, const struct measured measured[LEVELS]) {
    printf("\n%s, %s:", s->name, dtype_name(dtype));
    for (int v = 0; v < LEVELS; v++)
        if (measured[v].threads)
            printf(" %s, %d threads, oneDNN %.1f GF/s;", levels[v].word, measured[v].threads, 1e-9 * measured[v].peak);
    printf("\n%-32s", "operation");
    for (int v = 0; v < LEVELS; v++)
        if (measured[v].threads) printf(" | %7s us %7s %8s %8s", levels[v].word, "share", "GF/s", "of peak");
    printf("\n");
}

static void print_table(const struct shape *s, enum dtype dtype, const struct measured measured[LEVELS]) {
    struct block b = block_of(s);
    print_head(s, dtype, measured);
    for (int i = 0; i <= OPERATIONS; i++) {
        bool whole = i == OPERATIONS;
        double flops = whole ? step_flops(&b) : step[i].flops(&b, step[i].argument);
        printf("%-32s", whole ? "whole step" : step[i].name);
        for (int v = 0; v < LEVELS; v++)
            if (measured[v].threads)
                print_time(whole ? measured[v].best.whole : measured[v].best.operation[i], flops, &measured[v]);
        printf("\n");
    }
}

static bool fast_enough(const struct shape *s, const struct measured measured[LEVELS]) {
    struct block b = block_of(s);
    bool fast = true;
    for (int v = 0; v < LEVELS; v++) {
        if (!measured[v].threads) continue;
        double ratio = step_flops(&b) / measured[v].best.whole / measured[v].peak;
        bool enough = ratio >= s->limit[v];
        printf("%s: %.2f of oneDNN's rate, limit %.2f: %s\n", levels[v].word, ratio, s->limit[v],
               enough ? "ok" : "TOO SLOW");
        fast &= enough;
    }
    return fast;
}

static bool bench(struct measured measured[LEVELS], const struct shape *s, enum dtype dtype, int threads) {
    bool any = false;
    memset(measured, 0, LEVELS * sizeof *measured);
    for (int v = 0; v < LEVELS; v++) {
        if (!measurable((enum level)v, dtype)) continue;
        measure_level(&measured[v], s, dtype, threads, (enum level)v);
        any = true;
    }
    if (!any) return true;
    print_table(s, dtype, measured);
    return fast_enough(s, measured);
}

int main(int argc, char **argv) {
    fail_name("bench_ops");
    int threads = argc > 1 ? atoi(argv[1]) : 0;
    bool fast = true;
    size_t bytes = LEVELS * sizeof(struct measured);
    struct measured *measured = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (measured == MAP_FAILED) die(EXIT_RUN, "no memory to share");
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fast &= bench(measured, &shapes[i], DT_F32, threads);
        fast &= bench(measured, &shapes[i], DT_BF16, threads);
    }
    return fast ? 0 : EXIT_RUN;
}
