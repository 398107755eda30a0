// Updates of parameters, by ranges of them (reference/optimizer.c derives the rules). What is added up over a tensor
// goes by blocks or lines of a fixed size, whose sums are joined in order: so updates do not depend on the threads.
#include <math.h>
#include <string.h>

#include "ops/cpu/cpu.h"

// Sums are taken by blocks of this many numbers or rows, so that they do not depend on the threads.
#define SUM_BLOCK 16384
#define PART_ROWS 64
#define VECTOR_GRAIN 64

struct squares {
    const struct cpu *cpu;
    double *block;
    const float *x;
    int64_t n;
};

static void square_blocks(const void *context, struct share share) {
    const struct squares *job = context;
    struct range range = share_of(share, job->n, SUM_BLOCK);
    for (int64_t at = range.begin; at < range.end; at += SUM_BLOCK) {
        double *sum = &job->block[at / SUM_BLOCK];
        int64_t left = job->n - at;
        *sum = 0;
        job->cpu->kernels->sum_squares(sum, job->x + at, left < SUM_BLOCK ? left : SUM_BLOCK);
    }
}

void cpu_sum_squares(struct ops *ops, double *total, const real *x, int64_t n) {
    struct cpu *cpu = cpu_of(ops);
    int64_t blocks = (n + SUM_BLOCK - 1) / SUM_BLOCK;
    struct squares job = {cpu, cpu_shared(cpu, (size_t)blocks * sizeof(double)), x, n};
    cpu_run(cpu, n, square_blocks, &job);
    for (int64_t i = 0; i < blocks; i++) *total += job.block[i];
}

struct adamw {
    const struct cpu *cpu;
    float *p, *m, *v;
    const float *g;
    int64_t n;
    const struct adamw_step *step;
};

static void adamw_part(const void *context, struct share share) {
    const struct adamw *job = context;
    struct range range = share_of(share, job->n, VECTOR_GRAIN);
    int64_t at = range.begin;
    job->cpu->kernels->adamw(job->p + at, job->m + at, job->v + at, job->g + at, range.end - at, job->step);
}

void cpu_adamw(struct ops *ops, real *p, real *m, real *v, const real *g, int64_t n, const struct adamw_step *step) {
    cpu_run(cpu_of(ops), n, adamw_part, &(struct adamw){cpu_of(ops), p, m, v, g, n, step});
}

struct sum {
    const struct cpu *cpu;
    float *to;
    const float *from;
    int64_t n;
};

static void accumulate_part(const void *context, struct share share) {
    const struct sum *job = context;
    struct range range = share_of(share, job->n, VECTOR_GRAIN);
    job->cpu->kernels->add_sums(job->to + range.begin, job->from + range.begin, range.end - range.begin);
}

void cpu_accumulate(struct ops *ops, real *to, const real *from, int64_t n) {
    cpu_run(cpu_of(ops), n, accumulate_part, &(struct sum){cpu_of(ops), to, from, n});
}

struct average {
    const struct cpu *cpu;
    float *e;
    const float *p;
    float decay;
    int64_t n;
};

static void average_part(const void *context, struct share share) {
    const struct average *job = context;
    struct range range = share_of(share, job->n, VECTOR_GRAIN);
    job->cpu->kernels->moving_average(job->e + range.begin, job->p + range.begin, job->decay, range.end - range.begin);
}

void cpu_moving_average(struct ops *ops, real *e, const real *p, double decay, int64_t n) {
    cpu_run(cpu_of(ops), n, average_part, &(struct average){cpu_of(ops), e, p, (float)decay, n});
}

// ---- Adafactor. The update u of a parameter is made twice, to be measured and to be applied, and never stored.
// `lines` are the rows of all matrices of the tensor; without factors, the tensor is cut into lines of SUM_BLOCK.

struct adafactor {
    const struct cpu *cpu;
    float *p, *row, *column, *row_factor, *column_factor;
    char *momentum;
    const float *g;
    double *line_sum;
    float *column_part; // [parts, columns]
    const struct adafactor_step *step;
    int64_t n, lines, line, parts;
    int64_t matrix; // its moments are being taken
    float divisor;
};

static int64_t line_length(const struct adafactor *job, int64_t line) {
    int64_t left = job->n - line * job->line;
    return left < job->line ? left : job->line;
}

// New row moments, and sums for the column moments, part by part of PART_ROWS rows of the matrix: a part is one
// thread's and is cleared by its first row.
static void moments_of_rows(const void *context, struct share share) {
    const struct adafactor *job = context;
    const struct adafactor_step *step = job->step;
    struct range range = share_of(share, step->rows, PART_ROWS);
    for (int64_t r = range.begin; r < range.end; r++) {
        int64_t line = job->matrix * step->rows + r;
        float *column = job->column_part + r / PART_ROWS * step->columns;
        if (r % PART_ROWS == 0) memset(column, 0, (size_t)step->columns * sizeof *column);
        job->cpu->kernels->adafactor_moments(&job->line_sum[line], column, job->g + line * step->columns,
                                             (float)step->gradient_scale, step->columns);
        double mean = job->line_sum[line] / (double)step->columns;
        job->row[line] = (float)(step->beta2 * job->row[line] + (1 - step->beta2) * mean);
    }
}

// What multiplies the gradient of one matrix by row and by column: u = g·scale / √(row·column / mean(row)), as the
// product of scale·√(mean/row) and 1/√column. So an element costs two multiplications and no root.
static void make_factors(const struct adafactor *job) {
    const struct adafactor_step *step = job->step;
    float *row = job->row + job->matrix * step->rows, *column = job->column + job->matrix * step->columns;
    for (int64_t i = 1; i < job->parts; i++)
        job->cpu->kernels->add_sums(job->column_part, job->column_part + i * step->columns, step->columns);
    double mean = 0;
    for (int64_t r = 0; r < step->rows; r++) mean += row[r] / (double)step->rows;
    for (int64_t r = 0; r < step->rows; r++)
        job->row_factor[job->matrix * step->rows + r] = (float)(step->gradient_scale * sqrt(mean / row[r]));
    for (int64_t c = 0; c < step->columns; c++) {
        double square = job->column_part[c] / (double)step->rows;
        column[c] = (float)(step->beta2 * column[c] + (1 - step->beta2) * square);
        job->column_factor[job->matrix * step->columns + c] = (float)(1 / sqrt(column[c]));
    }
}

static struct adafactor_factors factors_of(const struct adafactor *job, int64_t line) {
    const struct adafactor_step *step = job->step;
    struct adafactor_factors factors = {.row = (float)step->gradient_scale, .divisor = job->divisor};
    if (step->factored) {
        factors.row = job->row_factor[line];
        factors.column = job->column_factor + line / step->rows * step->columns;
    } else {
        factors.v = job->row + line * job->line;
    }
    return factors;
}

// Σ u² line by line, for the clipping; where moments are whole, they are brought up to date first, in the same pass.
static void measure_lines(const void *context, struct share share) {
    const struct adafactor *job = context;
    struct range range = share_of(share, job->lines, 1);
    for (int64_t line = range.begin; line < range.end; line++) {
        int64_t at = line * job->line, n = line_length(job, line);
        struct adafactor_factors factors = factors_of(job, line);
        if (factors.v)
            job->cpu->kernels->adafactor_blend(job->row + at, job->g + at, (float)job->step->gradient_scale,
                                               (float)job->step->beta2, n);
        job->line_sum[line] = 0;
        job->cpu->kernels->adafactor_squares(&job->line_sum[line], job->g + at, &factors, n);
    }
}

static void update_lines(const void *context, struct share share) {
    const struct adafactor *job = context;
    struct range range = share_of(share, job->lines, 1);
    size_t kept = dtype_size(job->step->momentum_dtype);
    for (int64_t line = range.begin; line < range.end; line++) {
        int64_t at = line * job->line;
        struct adafactor_factors factors = factors_of(job, line);
        job->cpu->kernels->adafactor_update(job->p + at, job->momentum + (size_t)at * kept, job->g + at, &factors,
                                            job->step, line_length(job, line));
    }
}

// Carves what the phases share out of one block.
static void adafactor_memory(struct cpu *cpu, struct adafactor *job) {
    const struct adafactor_step *step = job->step;
    job->parts = step->factored ? (step->rows + PART_ROWS - 1) / PART_ROWS : 0;
    int64_t sums = job->parts * step->columns, factors = step->factored ? job->lines : 0;
    int64_t numbers = sums + factors + (step->factored ? step->batch * step->columns : 0);
    double *memory = cpu_shared(cpu, (size_t)job->lines * sizeof(double) + (size_t)numbers * sizeof(float));
    job->line_sum = memory;
    job->column_part = (float *)(memory + job->lines);
    job->row_factor = job->column_part + sums;
    job->column_factor = job->row_factor + factors;
}

void cpu_adafactor(struct ops *ops, real *p, void *momentum, real *row, real *column, const real *g,
                   const struct adafactor_step *step) {
    struct cpu *cpu = cpu_of(ops);
    struct adafactor job = {.cpu = cpu, .p = p, .row = row, .column = column, .momentum = momentum, .g = g};
    job.step = step;
    job.n = step->batch * step->rows * step->columns;
    job.line = step->factored ? step->columns : SUM_BLOCK;
    job.lines = (job.n + job.line - 1) / job.line;
    adafactor_memory(cpu, &job);
    for (job.matrix = 0; step->factored && job.matrix < step->batch; job.matrix++) {
        cpu_run(cpu, step->rows * step->columns, moments_of_rows, &job);
        make_factors(&job);
    }
    job.divisor = 1;
    cpu_run(cpu, job.n, measure_lines, &job);
    double sum = 0;
    for (int64_t line = 0; line < job.lines; line++) sum += job.line_sum[line];
    job.divisor = (float)fmax(1, sqrt(sum / (double)job.n) / step->clip_threshold);
    cpu_run(cpu, job.n, update_lines, &job);
}
