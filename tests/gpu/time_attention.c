// Times a backend's attention in bf16, forward and backward.
//
//     time_attention DEVICE ROWS REPEATS TOKENS ...
//
// Prints a line "TOKENS WIDTH CAUSAL FORWARD BACKWARD" for each number of tokens, head width and mask, times in
// microseconds. There are as many samples as make ROWS rows; queries, keys and values lie side by side in a row, as the
// product that makes them leaves them. time_attention.py does the same with PyTorch. A CPU computes in f32.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "ops/ops.h"

enum { HEADS = 12, PARTS = 3 };

struct layer {
    struct ops *ops;
    struct attention_shape shape;
    int64_t rows, D;
    char *qkv, *out, *d_out, *d_qkv;
    real *lse;
    int32_t *start, *count;
};

// The same piece of random numbers over and over.
static void *random_elements(struct ops *ops, int64_t n) {
    enum { PIECE = 1 << 18 };
    real *values = xmalloc(PIECE * sizeof *values);
    struct random_key key = random_key(1, "attention");
    for (int64_t i = 0; i < PIECE; i++) values[i] = (real)(2 * random_uniform(key, (uint64_t)i) - 1);
    size_t size = dtype_size(ops->dtype);
    char *from = ops_allocate(ops, PIECE * sizeof *values), *to = ops_allocate(ops, (size_t)n * size);
    ops->upload(ops, from, values, PIECE * sizeof *values);
    for (int64_t at = 0; at < n; at += PIECE)
        ops->convert(ops, to + (size_t)at * size, ops->dtype, from, DT_REAL, n - at < PIECE ? n - at : PIECE);
    ops->finish(ops);
    ops_release(ops, from);
    free(values);
    return to;
}

static int32_t *uploaded(struct ops *ops, const int32_t *values, int n) {
    int32_t *to = ops_allocate(ops, (size_t)n * sizeof *to);
    ops->upload(ops, to, values, (size_t)n * sizeof *to);
    ops->finish(ops);
    return to;
}

static void spread(struct layer *layer, int B, int tokens) {
    int32_t *start = xcalloc((size_t)B, sizeof *start), *count = xcalloc((size_t)B, sizeof *count);
    for (int b = 0; b < B; b++) {
        start[b] = b * tokens;
        count[b] = tokens;
    }
    layer->start = uploaded(layer->ops, start, B);
    layer->count = uploaded(layer->ops, count, B);
    free(start);
    free(count);
}

static struct layer layer_new(struct ops *ops, int tokens, int width, bool causal, int rows) {
    struct layer layer = {.ops = ops, .D = (int64_t)HEADS * width};
    int B = rows / tokens > 0 ? rows / tokens : 1;
    layer.rows = (int64_t)B * tokens;
    spread(&layer, B, tokens);
    layer.qkv = random_elements(ops, layer.rows * PARTS * layer.D);
    layer.d_out = random_elements(ops, layer.rows * layer.D);
    layer.d_qkv = ops_allocate(ops, (size_t)(layer.rows * PARTS * layer.D) * dtype_size(ops->dtype));
    layer.out = ops_allocate(ops, (size_t)(layer.rows * layer.D) * dtype_size(ops->dtype));
    layer.lse = ops_allocate(ops, (size_t)(layer.rows * HEADS) * sizeof *layer.lse);
    layer.shape = (struct attention_shape){.B = B,
                                           .H = HEADS,
                                           .width = width,
                                           .q_stride = PARTS * layer.D,
                                           .kv_stride = PARTS * layer.D,
                                           .out_stride = layer.D,
                                           .q_max = tokens,
                                           .k_max = tokens,
                                           .causal = causal,
                                           .q_start = layer.start,
                                           .q_count = layer.count,
                                           .k_start = layer.start,
                                           .k_count = layer.count};
    return layer;
}

static void layer_free(struct layer *layer) {
    void *memory[] = {layer->qkv, layer->out, layer->d_out, layer->d_qkv, layer->lse, layer->start, layer->count};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) ops_release(layer->ops, memory[i]);
}

static void forward(const struct layer *l) {
    int64_t part = l->D * (int64_t)dtype_size(l->ops->dtype);
    l->ops->attention_forward(l->ops, l->out, l->lse, l->qkv, l->qkv + part, l->qkv + 2 * part, &l->shape);
}

static void backward(const struct layer *l) {
    int64_t part = l->D * (int64_t)dtype_size(l->ops->dtype);
    l->ops->attention_backward(l->ops, l->d_qkv, l->d_qkv + part, l->d_qkv + 2 * part, l->d_out, l->qkv, l->qkv + part,
                               l->qkv + 2 * part, l->out, l->lse, &l->shape);
}

// Microseconds of a call, of so many one behind the other.
static double time_of(void (*pass)(const struct layer *), const struct layer *layer, int repeats) {
    struct ops *ops = layer->ops;
    pass(layer);
    ops->finish(ops);
    double begun = clock_seconds();
    for (int i = 0; i < repeats; i++) pass(layer);
    ops->finish(ops);
    return 1e6 * (clock_seconds() - begun) / repeats;
}

static void time_size(struct ops *ops, int tokens, int repeats, int rows) {
    static const int widths[] = {64, 88};
    for (int w = 0; w < 2; w++) {
        for (int causal = 0; causal < 2; causal++) {
            struct layer layer = layer_new(ops, tokens, widths[w], causal, rows);
            double there = time_of(forward, &layer, repeats), back = time_of(backward, &layer, repeats);
            printf("%d %d %d %.1f %.1f\n", tokens, widths[w], causal, there, back);
            fflush(stdout);
            layer_free(&layer);
        }
    }
}

int main(int argc, char **argv) {
    fail_name("time_attention");
    struct ops *ops;
    if (argc < 5) die(EXIT_USAGE, "usage: time_attention DEVICE ROWS REPEATS TOKENS ...");
    enum dtype dtype = strncmp(argv[1], "cuda", 4) ? DT_F32 : DT_BF16;
    if (ops_open(&ops, argv[1], dtype, 0)) return EXIT_USAGE;
    for (int i = 4; i < argc; i++) time_size(ops, atoi(argv[i]), atoi(argv[3]), atoi(argv[2]));
    ops_close(&ops);
    return 0;
}
