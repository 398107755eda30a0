// Gradients of linear maps: sum[M,N] += left[R,M]ᵀ·right[R,N], a product whose depth are the rows of activations, and
// sums of columns for the bias.
//
// A thread has blocks of sums, which stay in its second cache while all rows go by, DEPTH at a time. Of these rows the
// block's left operand is packed whole, in tiles as a product reads them; the right one goes by panels, each packed
// into the first cache, multiplied, and packed over by the next. The lines of the next panel are asked for beside the
// product, as one row of it is a cache line, and far from the next row.
//
// However a gradient is cut, an element is one chain of additions along R, in ascending order, added to what is there
// at its end: so results do not depend on threads. So is the bias's, in parts of DEPTH rows: small numbers meet small
// ones before they are added to a large sum.
#include <string.h>

#include "ops/cpu/cpu.h"

#define DEPTH 256                        // rows of activations that a block adds up at a time
#define TILE (PRODUCT_ROWS * DEPTH + 16) // numbers from one tile of the left operand to the next
#define PANELS 64                        // columns of the right operand that are packed at a time

struct gradient {
    const struct cpu *cpu;
    float *sum, *left_bias, *right_bias; // sums of the operand's columns, or NULL
    const char *left, *right;
    int64_t R, M, N;
    int64_t rows, columns; // of a block
    int64_t row_blocks, column_blocks;
};

// One block: where it begins, what it covers, and its memory. `part` is of sums of columns.
struct block {
    const struct gradient *job;
    int64_t row, column, m, n, width; // width: n, rounded up to whole vectors
    bool first_of_rows, first_of_columns;
    float *sum, *left, *right, *part;
};

static struct block block_at(const struct gradient *job, float *scratch, int64_t i, int64_t j) {
    struct block b = {.job = job, .row = i * job->rows, .column = j * job->columns};
    b.m = least(job->rows, job->M - b.row);
    b.n = least(job->columns, job->N - b.column);
    b.width = divide_up(b.n, 16) * 16;
    b.first_of_rows = j == 0;
    b.first_of_columns = i == 0;
    b.part = scratch;
    b.left = b.part + divide_up(job->rows, 16) * 16 + PANELS;
    b.right = b.left + job->rows / PRODUCT_ROWS * TILE;
    b.sum = b.right + DEPTH * PANELS;
    return b;
}

static int64_t block_numbers(const struct gradient *job) {
    return divide_up(job->rows, 16) * 16 + PANELS + job->rows / PRODUCT_ROWS * TILE + DEPTH * PANELS +
           job->rows * job->columns;
}

// bias[n] += sums of `depth` rows of x.
static void add_bias(const struct block *b, float *bias, const char *x, int64_t stride, int64_t depth, int64_t n) {
    const struct kernels *kernels = b->job->cpu->kernels;
    memset(b->part, 0, (size_t)n * sizeof *b->part);
    kernels->add_columns(b->part, x, depth, n, stride);
    kernels->add_sums(bias, b->part, n);
}

static void pack_left(const struct block *b, int64_t r, int64_t depth) {
    const struct gradient *job = b->job;
    const char *from = job->left + (size_t)(r * job->M + b->row) * job->cpu->element;
    job->cpu->kernels->pack_left_turned(b->left, TILE, from, job->M, depth, b->m);
    if (job->left_bias && b->first_of_rows) add_bias(b, job->left_bias + b->row, from, job->M, depth, b->m);
}

static void pack_right(const struct block *b, int64_t r, int64_t depth, int64_t j, int64_t n) {
    const struct gradient *job = b->job;
    int64_t column = b->column + j;
    const char *from = job->right + (size_t)(r * job->N + column) * job->cpu->element;
    job->cpu->kernels->pack_right(b->right, from, job->N, depth, n);
    if (job->right_bias && b->first_of_columns) add_bias(b, job->right_bias + column, from, job->N, depth, n);
}

// Columns j … of sums, as many as were packed.
static void multiply_panels(const struct block *b, int64_t r, int64_t depth, int64_t j, int64_t columns) {
    const struct kernels *kernels = b->job->cpu->kernels;
    int64_t k = divide_up(depth, kernels->operand_depth);
    for (int64_t at = 0; at < columns; at += kernels->panel) {
        int64_t n = least(kernels->panel, columns - at);
        kernels->multiply(&(struct product){b->sum + j + at, b->left, b->right + at * k, b->width, 1, PRODUCT_ROWS, n,
                                            (int)b->m, (int)n, (int)k, r > 0, 0, TILE});
    }
}

static void gradient_block(const struct gradient *job, const struct block *b) {
    for (int64_t r = 0; r < job->R; r += DEPTH) {
        int64_t depth = least(DEPTH, job->R - r);
        pack_left(b, r, depth);
        for (int64_t j = 0; j < b->width; j += PANELS) {
            pack_right(b, r, depth, j, least(PANELS, b->n - j));
            multiply_panels(b, r, depth, j, least(PANELS, b->width - j));
        }
    }
    for (int64_t i = 0; i < b->m; i++)
        job->cpu->kernels->add_sums(job->sum + (b->row + i) * job->N + b->column, b->sum + i * b->width, b->n);
}

static void gradient_blocks(const void *context, struct share share) {
    const struct gradient *job = context;
    struct range range = share_of(share, job->row_blocks * job->column_blocks, 1);
    for (int64_t i = range.begin; i < range.end; i++) {
        struct block block =
            block_at(job, cpu_scratch(job->cpu, share), i / job->column_blocks, i % job->column_blocks);
        gradient_block(job, &block);
    }
}

static void cut(struct gradient *job, int64_t row_blocks, int64_t column_blocks) {
    job->rows = divide_up(divide_up(job->M, row_blocks), PRODUCT_ROWS) * PRODUCT_ROWS;
    job->columns = divide_up(divide_up(job->N, column_blocks), 16) * 16;
    job->row_blocks = divide_up(job->M, job->rows);
    job->column_blocks = divide_up(job->N, job->columns);
}

// The fewest blocks of rows that fit the cache beside so many columns, and that share out evenly. With B numbers of
// cache, r rows and c columns take r·c sums, 256·r left operands and 256·64 right ones, so r <= (B − 256·64)/(c + 256);
// 16 are left for rounding.
static int64_t row_blocks_for(const struct gradient *job, int64_t columns, int64_t column_blocks, int threads) {
    int64_t most = (job->cpu->block_numbers - DEPTH * PANELS) / (columns + DEPTH) - 16;
    int64_t row_blocks = divide_up(job->M, most < PRODUCT_ROWS ? PRODUCT_ROWS : most);
    while (row_blocks * column_blocks % threads) row_blocks++;
    return row_blocks;
}

// Of some cuts the one that packs least: the left operand once for each block of columns, the right one once for each
// block of rows, R·(M·column blocks + N·row blocks) in all. Wide blocks make few of the one and many of the other,
// since their product is bounded by the cache.
static void plan(struct gradient *job, int threads) {
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
    cut(job, best_rows, best_columns);
}

void cpu_linear_backward_weight(struct ops *ops, real *d_weight, real *d_bias, const void *d_out, const void *in,
                                struct linear_shape shape) {
    if (!shape.R) return;
    struct cpu *cpu = cpu_of(ops);
    struct gradient job = {.cpu = cpu, .sum = d_weight, .R = shape.R};
    bool turned = shape.layout == WEIGHT_IN_OUT;
    job.left = turned ? in : d_out;
    job.right = turned ? d_out : in;
    job.M = turned ? shape.I : shape.O;
    job.N = turned ? shape.O : shape.I;
    *(turned ? &job.right_bias : &job.left_bias) = d_bias;
    plan(&job, pool_threads(cpu->pool));
    cpu_reserve_scratch(cpu, (size_t)block_numbers(&job) * sizeof(float));
    cpu_run(cpu, job.R * job.M * job.N / 16, gradient_blocks, &job);
}
