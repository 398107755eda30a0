// Losses by rows: a row is one thread's, leaves one f64 number, and these are added up in the order of the rows by the
// caller. So totals do not depend on the threads. reference/losses.c derives the gradients; kernels/losses.inc computes
// a row.
#include <string.h>

#include "ops/cpu/cpu.h"

enum { SIGMOID_SUMS = 3 };

// Rows of C numbers, one number or more kept of each and added up in order.
struct loss_rows {
    const struct cpu *cpu;
    double *row; // [R], or [R,SIGMOID_SUMS]
    char *x;
    const int32_t *target;
    float *lse;
    const float *row_lse, *column_lse;
    float scale, bias, weight;
    bool gradient;
    int64_t first, R, C;
};

static char *row_of(const struct loss_rows *job, int64_t r) {
    return job->x + (size_t)(r * job->C) * job->cpu->element;
}

static double total_of(const struct loss_rows *job) {
    double total = 0;
    for (int64_t r = 0; r < job->R; r++) total += job->row[r];
    return total;
}

static void cross_entropy_rows(const void *context, struct share share) {
    const struct loss_rows *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++) {
        job->row[r] = 0;
        if (job->target[r] >= 0)
            job->cpu->kernels->cross_entropy(&job->row[r], row_of(job, r), job->target[r], job->scale, job->gradient,
                                             job->C);
        else if (job->gradient)
            memset(row_of(job, r), 0, (size_t)job->C * job->cpu->element);
    }
}

void cpu_cross_entropy(struct ops *ops, double *total, void *logits, const int32_t *target, const real *scale,
                       bool gradient, int64_t R, int64_t V) {
    struct cpu *cpu = cpu_of(ops);
    struct loss_rows job = {.cpu = cpu, .x = logits, .target = target, .scale = *scale, .gradient = gradient};
    job.row = cpu_shared(cpu, (size_t)R * sizeof(double));
    job.R = R;
    job.C = V;
    cpu_run(cpu, R * V, cross_entropy_rows, &job);
    *total += total_of(&job);
}

static void logsumexp_rows(const void *context, struct share share) {
    const struct loss_rows *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++)
        job->cpu->kernels->logsumexp(&job->lse[r], row_of(job, r), job->scale, job->C);
}

void cpu_row_logsumexp(struct ops *ops, real *lse, const void *x, real scale, int64_t R, int64_t C) {
    struct loss_rows job = {.cpu = cpu_of(ops), .x = (void *)x, .lse = lse, .scale = scale, .R = R, .C = C};
    cpu_run(cpu_of(ops), R * C, logsumexp_rows, &job);
}

static void contrastive_rows(const void *context, struct share share) {
    const struct loss_rows *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++)
        job->cpu->kernels->contrastive_gradient(&job->row[r], row_of(job, r), job->row_lse[r], job->column_lse,
                                                job->scale, job->weight, job->first + r, job->C);
}

void cpu_contrastive_gradient(struct ops *ops, void *x, double *d_scale, const real *row_lse, const real *column_lse,
                              real scale, real weight, int64_t first, int64_t R, int64_t C) {
    struct cpu *cpu = cpu_of(ops);
    struct loss_rows job = {.cpu = cpu, .x = x, .row_lse = row_lse, .column_lse = column_lse, .scale = scale};
    job.row = cpu_shared(cpu, (size_t)R * sizeof(double));
    job.weight = weight;
    job.first = first;
    job.R = R;
    job.C = C;
    cpu_run(cpu, R * C, contrastive_rows, &job);
    *d_scale += total_of(&job);
}

static void sigmoid_rows(const void *context, struct share share) {
    const struct loss_rows *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++)
        job->cpu->kernels->sigmoid_loss(&job->row[r * SIGMOID_SUMS], row_of(job, r), job->scale, job->bias, job->weight,
                                        job->gradient, job->first + r, job->C);
}

void cpu_sigmoid_loss(struct ops *ops, double *sums, void *x, real scale, real bias, real weight, bool gradient,
                      int64_t first, int64_t R, int64_t C) {
    struct cpu *cpu = cpu_of(ops);
    struct loss_rows job = {.cpu = cpu, .x = x, .scale = scale, .bias = bias, .weight = weight, .gradient = gradient};
    job.row = cpu_shared(cpu, (size_t)R * SIGMOID_SUMS * sizeof(double));
    job.first = first;
    job.R = R;
    job.C = C;
    cpu_run(cpu, R * C, sigmoid_rows, &job);
    for (int64_t i = 0; i < R * SIGMOID_SUMS; i++) sums[i % SIGMOID_SUMS] += job.row[i];
}
