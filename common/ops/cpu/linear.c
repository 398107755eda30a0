// Linear maps as products of blocks that fit the caches. What follows a product (bias, residual, activation and its
// slope) is done on the block's sums before they leave the cache.
//
// The kernel (kernels/product.inc) keeps a tile of sums in registers. A product takes a block of weights, 128 columns
// by 1024 operands: 512 KiB, half of a small second cache, from which it is read for every 6 rows of a chunk. A chunk
// is at most 96 rows: so often is a weight used for once that it comes from the third cache or from memory, and the
// chunk's operands (384 KiB) and sums (48 KiB) still fit beside the block.
//
// However a map is cut, an output element is one chain of additions along K, in ascending order: a product that goes on
// with stored f32 sums goes on with the same bits. So results depend neither on R nor on threads. An element of a
// weight's gradient is one chain along R in the same way, added to what is there at its end.
#include <string.h>

#include "ops/cpu/bytes.h"
#include "ops/cpu/cpu.h"

#define CHUNK_ROWS 96      // of the left operand; a multiple of the kernels' tile of 6
#define CHUNK_DEPTH 1024   // operands that a product adds up before it stores sums
#define FEW_ROWS 16        // up to which memory is waited for more than the arithmetic units
#define FEW_DEPTH 32       // operands that a product of few rows adds up: its weights fit half of the first cache
#define FEW_AHEAD 4096     // numbers of weights between those in use and those that memory is asked for
#define WIDE_DEPTH 256     // operands that are widened at a time: 128 KiB
#define GRADIENT_DEPTH 256 // rows of activations that a block of gradients adds up at a time

static int64_t divide_up(int64_t n, int64_t by) {
    return (n + by - 1) / by;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// ---- out[R,N] = finish(in[R,K]·weight[K,N])

struct forward {
    const struct cpu *cpu;
    const struct packed *weight;
    const char *in;
    int64_t R, K, N;
    int64_t chunk, chunks; // rows
    int64_t depth, ahead;  // operands of a product; numbers of weights that are fetched ahead of their use
    bool direct, widens;   // `in` holds operands as it is; the weight does not
    void (*finish)(const struct forward *job, int64_t at, int64_t column, const float *sum, int64_t n);
    char *out, *pre;
    const char *bias, *residual;
    enum activation activation;
};

// Each receives n sums of elements at, at + 1, … of the output, from `column` on.
static void finish_linear(const struct forward *job, int64_t at, int64_t column, const float *sum, int64_t n) {
    size_t e = job->cpu->element;
    job->cpu->kernels->finish_linear(job->out + (size_t)at * e, sum, job->bias ? job->bias + (size_t)column * e : NULL,
                                     job->residual ? job->residual + (size_t)at * e : NULL, n);
}

static void finish_activation(const struct forward *job, int64_t at, int64_t column, const float *sum, int64_t n) {
    size_t e = job->cpu->element;
    job->cpu->kernels->finish_activation(job->out + (size_t)at * e, job->pre + (size_t)at * e, sum,
                                         job->bias ? job->bias + (size_t)column * e : NULL, n, job->activation);
}

static void finish_slope(const struct forward *job, int64_t at, int64_t column, const float *sum, int64_t n) {
    (void)column;
    size_t e = job->cpu->element;
    job->cpu->kernels->finish_slope(job->out + (size_t)at * e, sum, job->pre + (size_t)at * e, n, job->activation);
}

// What one thread holds: sums of a block, operands of a chunk of rows where these must be packed, and of a piece of the
// weight where these must be widened.
struct forward_scratch {
    float *sum, *left, *right;
    int64_t packed; // the chunk whose operands `left` holds whole, or −1
};

// Operands of the m rows of chunk r from depth l on: where they lie, and from row to row. Where elements are not
// operands (bf16 that is multiplied as f32) they are packed; a chunk that fits whole is packed once for all blocks of
// columns, else a piece for each.
static const float *left_operands(const struct forward *job, struct forward_scratch *scratch, int64_t r, int64_t m,
                                  int64_t l, int64_t k, int64_t *row) {
    int64_t depth = job->cpu->kernels->operand_depth;
    bool whole = job->weight->depth <= CHUNK_DEPTH;
    int64_t column = whole && !job->direct ? 0 : l * depth;
    const char *from = job->in + (size_t)(r * job->chunk * job->K + column) * job->cpu->element;
    *row = job->direct ? job->K / depth : whole ? job->weight->depth : k;
    if (job->direct) return (const float *)from;
    if (scratch->packed != r)
        job->cpu->kernels->pack_left(scratch->left, from, job->K, m, least(*row * depth, job->K - column));
    scratch->packed = whole ? r : -1;
    return scratch->left + (whole ? l : 0);
}

// Operands of block c of the weight, k of them from depth l on.
static const float *right_operands(const struct forward *job, const struct forward_scratch *scratch, int64_t c,
                                   int64_t l, int64_t k) {
    const char *kept = packed_at(job->weight, c, l);
    if (!job->widens) return (const float *)kept;
    job->cpu->kernels->widen_bf16(scratch->right, (const uint16_t *)kept, k * packed_width(job->weight, c));
    return scratch->right;
}

// Rows of chunk r against the columns of block c.
static void forward_block(const struct forward *job, struct forward_scratch *scratch, int64_t r, int64_t c) {
    const struct packed *weight = job->weight;
    int64_t first = r * job->chunk, m = least(job->chunk, job->R - first), width = packed_width(weight, c);
    for (int64_t l = 0; l < weight->depth; l += job->depth) {
        int64_t k = least(job->depth, weight->depth - l), row;
        const float *a = left_operands(job, scratch, r, m, l, k, &row), *b = right_operands(job, scratch, c, l, k);
        job->cpu->kernels->multiply(
            &(struct product){scratch->sum, a, b, width, row, 1, width, (int)m, (int)width, (int)k, l > 0, job->ahead});
    }
    int64_t column = c * weight->block, n = packed_columns(weight, c);
    for (int64_t i = 0; i < m; i++)
        job->finish(job, (first + i) * job->N + column, column, scratch->sum + i * width, n);
}

static void forward_blocks(const void *context, struct share share) {
    const struct forward *job = context;
    float *memory = cpu_scratch(job->cpu, share);
    float *left = memory + job->chunk * job->weight->block;
    struct forward_scratch scratch = {memory, left, left + job->chunk * least(CHUNK_DEPTH, job->weight->depth), -1};
    struct range range = share_of(share, job->chunks * job->weight->blocks, 1);
    for (int64_t i = range.begin; i < range.end; i++)
        forward_block(job, &scratch, i / job->weight->blocks, i % job->weight->blocks);
}

// Rows in whole chunks for every thread; few rows share the columns out instead, so that weights are read once.
//
// With C the fewest chunks of at most 96 rows, rounded up to a multiple of the threads, a chunk is R/C rows, rounded up
// to whole tiles: all threads end at about the same time. Half a chunk or less would leave threads without rows, or
// with a tile each that reads all weights; then every thread has a part of the columns, if there are blocks enough. Up
// to 16 rows, a caption's next token, each weight that memory delivers is used a few times only: products are then cut
// to 32 operands of depth, 16 KiB of weights that stay in the first cache for the second and third tile, while the
// first tile asks for the 16 KiB behind them. Weights that are kept narrower are widened in such pieces, 16 KiB or at
// most 128: each byte that memory delivers is read once.
static void cut_forward(struct forward *job, int threads) {
    int64_t chunks = divide_up(divide_up(job->R, CHUNK_ROWS), threads) * threads;
    if (job->R <= CHUNK_ROWS / 2 && job->weight->blocks >= threads) chunks = 1;
    job->chunk = divide_up(divide_up(job->R, chunks), 6) * 6;
    job->chunks = divide_up(job->R, job->chunk);
    bool few = job->R <= FEW_ROWS;
    job->depth = few ? FEW_DEPTH : job->widens ? WIDE_DEPTH : CHUNK_DEPTH;
    job->ahead = few && !job->widens ? FEW_AHEAD : 0;
}

// The weight is [N,K] where `turned`.
static void forward(struct cpu *cpu, struct forward *job, const void *weight, bool turned) {
    if (!job->R) return;
    job->cpu = cpu;
    job->weight = packed_get(cpu, (struct packed_of){weight, job->K, job->N, turned, false});
    job->direct = cpu->kernels->direct_left && job->K % cpu->kernels->operand_depth == 0;
    job->widens = !cpu->kernels->direct_right;
    cut_forward(job, pool_threads(cpu->pool));
    int64_t numbers = job->chunk * (job->weight->block + least(CHUNK_DEPTH, job->weight->depth));
    if (job->widens) numbers += job->depth * job->weight->block;
    cpu_reserve_scratch(cpu, (size_t)numbers * sizeof(float));
    cpu_run(cpu, job->R * job->K * job->N / 16, forward_blocks, job);
}

void cpu_linear_forward(struct ops *ops, void *out, const void *in, const void *weight, const void *bias,
                        const void *residual, struct linear_shape shape) {
    if (shape.scale) {
        bytes_forward(cpu_of(ops), &(struct bytes_map){out, NULL, in, weight, bias, residual, shape, 0});
        return;
    }
    struct forward job = {.in = in, .R = shape.R, .K = shape.I, .N = shape.O, .finish = finish_linear};
    job.out = out;
    job.bias = bias;
    job.residual = residual;
    forward(cpu_of(ops), &job, weight, shape.layout == WEIGHT_OUT_IN);
}

void cpu_linear_activation_forward(struct ops *ops, void *out, void *pre, const void *in, const void *weight,
                                   const void *bias, struct linear_shape shape, enum activation activation) {
    if (shape.scale) {
        bytes_forward(cpu_of(ops), &(struct bytes_map){out, pre, in, weight, bias, NULL, shape, activation});
        return;
    }
    struct forward job = {.in = in, .R = shape.R, .K = shape.I, .N = shape.O, .finish = finish_activation};
    job.out = out;
    job.pre = pre;
    job.bias = bias;
    job.activation = activation;
    forward(cpu_of(ops), &job, weight, shape.layout == WEIGHT_OUT_IN);
}

void cpu_linear_backward_input(struct ops *ops, void *d_in, const void *d_out, const void *weight,
                               struct linear_shape shape, bool accumulate) {
    struct forward job = {.in = d_out, .R = shape.R, .K = shape.O, .N = shape.I, .finish = finish_linear};
    job.out = d_in;
    job.residual = accumulate ? d_in : NULL;
    forward(cpu_of(ops), &job, weight, shape.layout == WEIGHT_IN_OUT);
}

void cpu_linear_activation_backward_input(struct ops *ops, void *d_pre, const void *d_out, const void *weight,
                                          const void *pre, struct linear_shape shape, enum activation activation) {
    struct forward job = {.in = d_out, .R = shape.R, .K = shape.O, .N = shape.I, .finish = finish_slope};
    job.out = d_pre;
    job.pre = (void *)pre;
    job.activation = activation;
    forward(cpu_of(ops), &job, weight, shape.layout == WEIGHT_IN_OUT);
}

// ---- sum[M,N] += left[R,M]ᵀ·right[R,N]

struct gradient {
    const struct cpu *cpu;
    float *sum;
    const char *left, *right;
    int64_t R, M, N;
    int64_t rows, columns; // of a block of sums
    int64_t row_blocks, column_blocks;
};

// One block of sums over all R, packing both operands GRADIENT_DEPTH rows at a time. The depth of this product are the
// rows, so both operands are read from row to row, as pack_right makes them; only then are the sums, which stay in the
// cache all the while, added to the gradient in memory, once.
static void gradient_block(const struct gradient *job, float *scratch, int64_t i, int64_t j) {
    const struct kernels *kernels = job->cpu->kernels;
    size_t e = job->cpu->element;
    int64_t first = i * job->rows, m = least(job->rows, job->M - first), m16 = divide_up(m, 16) * 16;
    int64_t column = j * job->columns, n = least(job->columns, job->N - column), n16 = divide_up(n, 16) * 16;
    float *sum = scratch, *left = sum + m * n16, *right = left + GRADIENT_DEPTH * m16;
    for (int64_t r = 0; r < job->R; r += GRADIENT_DEPTH) {
        int64_t depth = least(GRADIENT_DEPTH, job->R - r), k = divide_up(depth, kernels->operand_depth);
        kernels->pack_right(left, m16, job->left + (size_t)(r * job->M + first) * e, job->M, depth, m);
        kernels->pack_right(right, n16, job->right + (size_t)(r * job->N + column) * e, job->N, depth, n);
        kernels->multiply(&(struct product){sum, left, right, n16, 1, m16, n16, (int)m, (int)n16, (int)k, r > 0, 0});
    }
    for (int64_t row = 0; row < m; row++)
        kernels->add_sums(job->sum + (first + row) * job->N + column, sum + row * n16, n);
}

static void gradient_blocks(const void *context, struct share share) {
    const struct gradient *job = context;
    struct range range = share_of(share, job->row_blocks * job->column_blocks, 1);
    for (int64_t i = range.begin; i < range.end; i++)
        gradient_block(job, cpu_scratch(job->cpu, share), i / job->column_blocks, i % job->column_blocks);
}

// Sums and both operands of a block of rows × columns.
static int64_t gradient_numbers(int64_t rows, int64_t columns) {
    return rows * columns + GRADIENT_DEPTH * (divide_up(rows, 16) * 16 + columns);
}

static void cut_gradient(struct gradient *job, int64_t row_blocks, int64_t column_blocks) {
    job->rows = divide_up(divide_up(job->M, row_blocks), 6) * 6;
    job->columns = divide_up(divide_up(job->N, column_blocks), 16) * 16;
    job->row_blocks = divide_up(job->M, job->rows);
    job->column_blocks = divide_up(job->N, job->columns);
}

// The fewest blocks of rows that fit the cache beside so many columns, and that share out evenly. With B numbers of
// cache, r rows and c columns take r·c sums and 256·(r + c) operands, so r <= (B − 256·c)/(c + 256); 16 are left for
// rounding.
static int64_t row_blocks_for(const struct gradient *job, int64_t columns, int64_t column_blocks, int threads) {
    int64_t most = (job->cpu->block_numbers - GRADIENT_DEPTH * columns) / (columns + GRADIENT_DEPTH) - 16;
    int64_t row_blocks = divide_up(job->M, most < 6 ? 6 : most);
    while (row_blocks * column_blocks % threads) row_blocks++;
    return row_blocks;
}

// Of some cuts the one that packs least: the left operand once for each block of columns, the right one once for each
// block of rows, R·(M·column blocks + N·row blocks) in all. Wide blocks make few of the one and many of the other,
// since their product is bounded by the cache; at 512 columns the right operand alone is as large as the smallest cache
// that is counted on, so no wider ones are tried.
static void plan_gradient(struct gradient *job, int threads) {
    int64_t least_packed = INT64_MAX, best_rows = 1, best_columns = 1;
    for (int64_t width = 64; width <= 512; width += 64) {
        int64_t column_blocks = divide_up(job->N, width);
        int64_t columns = divide_up(divide_up(job->N, column_blocks), 16) * 16;
        int64_t row_blocks = row_blocks_for(job, columns, column_blocks, threads);
        int64_t packed = job->N * row_blocks + job->M * column_blocks;
        if (packed >= least_packed) continue;
        least_packed = packed;
        best_rows = row_blocks;
        best_columns = column_blocks;
    }
    cut_gradient(job, best_rows, best_columns);
}

static void gradient(struct cpu *cpu, struct gradient *job) {
    job->cpu = cpu;
    plan_gradient(job, pool_threads(cpu->pool));
    cpu_reserve_scratch(cpu, (size_t)gradient_numbers(job->rows, job->columns) * sizeof(float));
    cpu_run(cpu, job->R * job->M * job->N / 16, gradient_blocks, job);
}

struct column_sum {
    const struct cpu *cpu;
    float *sum;
    const char *x;
    int64_t R, N;
};

// The bias's gradient: each thread has columns, all rows of them, in parts of 256 rows. A part is summed in scratch
// memory first, so that small numbers meet small ones before they are added to a large sum.
static void column_sums(const void *context, struct share share) {
    const struct column_sum *job = context;
    struct range range = share_of(share, job->N, 16);
    float *part = cpu_scratch(job->cpu, share);
    int64_t n = range.end - range.begin;
    for (int64_t r = 0; r < job->R; r += GRADIENT_DEPTH) {
        memset(part, 0, (size_t)n * sizeof *part);
        job->cpu->kernels->add_columns(part, job->x + (size_t)(r * job->N + range.begin) * job->cpu->element,
                                       least(GRADIENT_DEPTH, job->R - r), n, job->N);
        job->cpu->kernels->add_sums(job->sum + range.begin, part, n);
    }
}

void cpu_linear_backward_weight(struct ops *ops, real *d_weight, real *d_bias, const void *d_out, const void *in,
                                struct linear_shape shape) {
    if (!shape.R) return;
    struct cpu *cpu = cpu_of(ops);
    struct gradient job = {.sum = d_weight, .left = d_out, .right = in, .R = shape.R, .M = shape.O, .N = shape.I};
    if (shape.layout == WEIGHT_IN_OUT)
        job = (struct gradient){.sum = d_weight, .left = in, .right = d_out, .R = shape.R, .M = shape.I, .N = shape.O};
    gradient(cpu, &job);
    if (!d_bias) return;
    cpu_reserve_scratch(cpu, (size_t)shape.O * sizeof(float));
    cpu_run(cpu, shape.R * shape.O, column_sums, &(struct column_sum){cpu, d_bias, d_out, shape.R, shape.O});
}
