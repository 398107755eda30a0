// Linear maps as products of blocks that fit the caches. What follows a product (bias, residual, activation and its
// slope) is done on the block's sums before they leave the cache.
//
// The kernel (kernels/product.inc) keeps a tile of sums in registers. It takes a panel of weights, as wide as a tile,
// for every 6 rows of a chunk; the panels of a block, 128 columns, go by for one piece of the depth after the other.
// With AVX2 a piece is 256 operands: a panel, 16 KiB, stays in the first cache, and the chunk's operands (96 KiB), its
// sums (48 KiB) and the panels to come fit a second cache of 256 KiB. With AVX-512, whose caches are larger, it is
// 1024. A chunk is at most 96 rows: so often is a weight used for once that it comes from the third cache or from
// memory. The first tile asks for the next panel meanwhile.
//
// However a map is cut, an output element is one chain of additions along K, in ascending order: a product that goes on
// with stored f32 sums goes on with the same bits. So results depend neither on R nor on threads. The gradients of
// weights are in gradient.c.
#include "ops/cpu/bytes.h"
#include "ops/cpu/cpu.h"

#define CHUNK_ROWS 96    // of the left operand; a multiple of the kernels' tile of 6
#define CHUNK_DEPTH 1024 // operands of a row that are packed whole
#define FEW_ROWS 16      // up to which memory is waited for more than the arithmetic units
#define FEW_NUMBERS 4096 // of weights that a product of few rows takes: half of the first cache
#define WIDE_DEPTH 256   // operands of a panel that are widened at a time

// ---- out[R,N] = finish(in[R,K]·weight[K,N])

struct forward {
    const struct cpu *cpu;
    const struct packed *weight;
    const char *in;
    int64_t R, K, N;
    int64_t chunk, chunks; // rows
    int64_t columns;       // of a block that are multiplied one depth after the other
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

// Operands of a panel of the weight (packed.h), k of them from depth l on.
static const float *right_operands(const struct forward *job, const struct forward_scratch *scratch, int64_t c,
                                   int64_t j, int64_t n, int64_t l, int64_t k) {
    const char *kept = packed_panel(job->weight, c, j, n, l);
    if (!job->widens) return (const float *)kept;
    job->cpu->kernels->widen_bf16(scratch->right, (const uint16_t *)kept, k * n);
    return scratch->right;
}

// Sums of m rows of chunk r and of columns `begin` … `end` of block c.
static void multiply_columns(const struct forward *job, struct forward_scratch *scratch, int64_t r, int64_t m,
                             int64_t c, int64_t begin, int64_t end) {
    const struct kernels *kernels = job->cpu->kernels;
    int64_t width = packed_width(job->weight, c), depth = job->weight->depth, row;
    for (int64_t l = 0; l < depth; l += job->depth) {
        int64_t k = least(job->depth, depth - l);
        const float *a = left_operands(job, scratch, r, m, l, k, &row);
        for (int64_t j = begin; j < end; j += kernels->panel) {
            int64_t n = least(kernels->panel, end - j);
            const float *b = right_operands(job, scratch, c, j, n, l, k);
            kernels->multiply(&(struct product){scratch->sum + j, a, b, width, row, 1, n, (int)m, (int)n, (int)k, l > 0,
                                                job->ahead, 0});
        }
    }
}

// Rows of chunk r against the columns of block c.
static void forward_block(const struct forward *job, struct forward_scratch *scratch, int64_t r, int64_t c) {
    const struct packed *weight = job->weight;
    int64_t first = r * job->chunk, m = least(job->chunk, job->R - first), width = packed_width(weight, c);
    for (int64_t j = 0; j < width; j += job->columns)
        multiply_columns(job, scratch, r, m, c, j, least(j + job->columns, width));
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
// to 16 rows, a caption's next token, each weight that memory delivers is used a few times only: one panel goes
// by after the other then, as memory holds them, in pieces of 16 KiB that stay in the first cache for the second and
// third tile, while the first tile asks for the 16 KiB behind them. Weights that are kept narrower are widened in
// pieces of a panel: each byte that memory delivers is read once.
static void cut_forward(struct forward *job, int threads) {
    int64_t chunks = divide_up(divide_up(job->R, CHUNK_ROWS), threads) * threads;
    if (job->R <= CHUNK_ROWS / 2 && job->weight->blocks >= threads) chunks = 1;
    job->chunk = divide_up(divide_up(job->R, chunks), 6) * 6;
    job->chunks = divide_up(job->R, job->chunk);
    bool few = job->R <= FEW_ROWS;
    int64_t panel = job->cpu->kernels->panel;
    job->columns = few ? panel : job->weight->block;
    job->depth = few ? FEW_NUMBERS / panel : job->widens ? WIDE_DEPTH : job->cpu->kernels->depth;
    job->ahead = job->widens ? 0 : few ? FEW_NUMBERS : job->weight->depth * panel;
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
    if (job->widens) numbers += job->depth * cpu->kernels->panel;
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
