// Linear maps by weights of bytes. linear.c hands them over; the packed copies are packed.c's, the products
// kernels/bytes.inc's. A caption's next token waits for the bytes of its weights, which are a quarter here; many rows,
// of pictures, gain by products in whole numbers.
//
// Sums of whole numbers are exact, and parts of BYTES_PART are added in ascending order: results depend neither on R
// nor on threads.
#include "ops/cpu/bytes.h"

#define CHUNK_ROWS 96 // of a thread at a time; a multiple of the kernels' tile of 6

struct job {
    const struct cpu *cpu;
    const struct bytes_map *map;
    const struct packed *weight;
    int64_t chunk, chunks; // rows
    int64_t parts;         // of a row
};

// What a thread holds: a chunk's rows as whole numbers, with their scales, and the sums of a block.
struct rows {
    float *sum, *scale;
    int16_t *whole;
    int64_t packed; // the chunk, or −1
};

static void pack_rows(const struct job *job, struct rows *rows, int64_t r, int64_t m) {
    int64_t I = job->map->shape.I;
    const char *from = (const char *)job->map->in + (size_t)(r * job->chunk * I) * job->cpu->element;
    for (int64_t i = 0; i < m && rows->packed != r; i++)
        job->cpu->kernels->pack_whole(rows->whole + i * job->parts * BYTES_PART, rows->scale + i * job->parts,
                                      from + (size_t)(i * I) * job->cpu->element, I);
    rows->packed = r;
}

static void multiply(const struct job *job, const struct rows *rows, int64_t m, int64_t c) {
    const struct packed *weight = job->weight;
    struct byte_product product = {.c = rows->sum,
                                   .b = (const int8_t *)packed_at(weight, c, 0),
                                   .c_stride = weight->block,
                                   .row = job->parts * BYTES_PART,
                                   .scales = job->parts,
                                   .panel = 2 * weight->depth,
                                   .m = (int)m,
                                   .n = (int)packed_width(weight, c)};
    for (int64_t part = 0; part < job->parts; part++) {
        product.a = rows->whole + part * BYTES_PART;
        product.scale = rows->scale + part;
        product.l = part * BYTES_PART / 2;
        product.pairs = (int)least(BYTES_PART / 2, weight->depth - product.l);
        product.accumulate = part > 0;
        job->cpu->kernels->multiply_bytes(&product);
    }
}

static char *element_at(const struct job *job, const void *base, int64_t i) {
    return base ? (char *)base + (size_t)i * job->cpu->element : NULL;
}

// n sums of row `row`, from column `column` on.
static void finish(const struct job *job, float *sum, int64_t row, int64_t column, int64_t n) {
    const struct bytes_map *map = job->map;
    const struct kernels *kernels = job->cpu->kernels;
    int64_t at = row * map->shape.O + column;
    const char *bias = element_at(job, map->bias, column);
    kernels->scale_sums(sum, map->shape.scale + column, n);
    if (map->pre)
        kernels->finish_activation(element_at(job, map->out, at), element_at(job, map->pre, at), sum, bias, n,
                                   map->activation);
    else
        kernels->finish_linear(element_at(job, map->out, at), sum, bias, element_at(job, map->residual, at), n);
}

static void block(const struct job *job, struct rows *rows, int64_t r, int64_t c) {
    int64_t first = r * job->chunk, m = least(job->chunk, job->map->shape.R - first);
    pack_rows(job, rows, r, m);
    multiply(job, rows, m, c);
    for (int64_t i = 0; i < m; i++)
        finish(job, rows->sum + i * job->weight->block, first + i, c * job->weight->block,
               packed_columns(job->weight, c));
}

static void blocks(const void *context, struct share share) {
    const struct job *job = context;
    float *memory = cpu_scratch(job->cpu, share), *scale = memory + job->chunk * job->weight->block;
    struct rows rows = {memory, scale, (int16_t *)(scale + job->chunk * job->parts), -1};
    struct range range = share_of(share, job->chunks * job->weight->blocks, 1);
    for (int64_t i = range.begin; i < range.end; i++)
        block(job, &rows, i / job->weight->blocks, i % job->weight->blocks);
}

// Whole chunks of rows for every thread, or, of few rows, a part of the columns (linear.c says why).
static void cut(struct job *job, int64_t R, int threads) {
    int64_t chunks = (R + CHUNK_ROWS - 1) / CHUNK_ROWS;
    chunks = (chunks + threads - 1) / threads * threads;
    if (R <= CHUNK_ROWS / 2 && job->weight->blocks >= threads) chunks = 1;
    job->chunk = (R + chunks - 1) / chunks;
    job->chunks = (R + job->chunk - 1) / job->chunk;
}

void bytes_forward(struct cpu *cpu, const struct bytes_map *map) {
    const struct linear_shape *shape = &map->shape;
    if (!shape->R) return;
    struct packed_of of = {map->weight, shape->I, shape->O, shape->layout == WEIGHT_OUT_IN, true};
    struct job job = {.cpu = cpu, .map = map, .weight = packed_get(cpu, of)};
    job.parts = (shape->I + BYTES_PART - 1) / BYTES_PART;
    cut(&job, shape->R, pool_threads(cpu->pool));
    int64_t row = job.weight->block + job.parts + job.parts * BYTES_PART / 2; // in numbers of f32
    cpu_reserve_scratch(cpu, (size_t)(job.chunk * row) * sizeof(float));
    cpu_run(cpu, shape->R * shape->I * shape->O / 16, blocks, &job);
}
