// LayerNorm and rows of length 1, by rows (reference/normalisation.c derives them). Rows are independent but for the
// gradients of weight and bias, which are sums over all rows: those are taken by parts of a fixed number of rows, each
// one thread's, and the parts are joined in their order.
#include <string.h>

#include "ops/cpu/cpu.h"

struct layernorm {
    const struct cpu *cpu;
    char *out; // or d_in
    float *mean, *rstd;
    const char *in, *d_out;
    const float *weight, *bias;
    float *part; // [parts, 2, D]: sums of d_weight and d_bias
    int64_t R, D;
    bool accumulate;
};

static void layernorm_rows(const void *context, struct share share) {
    const struct layernorm *job = context;
    struct range range = share_of(share, job->R, 1);
    size_t at = (size_t)(range.begin * job->D) * job->cpu->element;
    job->cpu->kernels->layernorm_forward(job->out + at, job->mean + range.begin, job->rstd + range.begin, job->in + at,
                                         job->weight, job->bias, range.end - range.begin, job->D);
}

void cpu_layernorm_forward(struct ops *ops, void *out, real *mean, real *rstd, const void *in, const real *weight,
                           const real *bias, int64_t R, int64_t D) {
    struct layernorm job = {.cpu = cpu_of(ops), .out = out, .mean = mean, .rstd = rstd, .in = in, .R = R, .D = D};
    job.weight = weight;
    job.bias = bias;
    cpu_run(cpu_of(ops), R * D, layernorm_rows, &job);
}

// Gradients of weight and bias are summed by parts of this many rows, so that they do not depend on the threads.
#define PART_ROWS 128

static void layernorm_backward_parts(const void *context, struct share share) {
    const struct layernorm *job = context;
    struct range range = share_of(share, job->R, PART_ROWS);
    for (int64_t first = range.begin; first < range.end; first += PART_ROWS) {
        int64_t rows = range.end - first < PART_ROWS ? range.end - first : PART_ROWS;
        size_t at = (size_t)(first * job->D) * job->cpu->element;
        float *d_weight = job->part + 2 * first / PART_ROWS * job->D, *d_bias = d_weight + job->D;
        memset(d_weight, 0, 2 * (size_t)job->D * sizeof *d_weight);
        job->cpu->kernels->layernorm_backward(job->out + at, d_weight, d_bias, job->d_out + at, job->in + at,
                                              job->weight, job->mean + first, job->rstd + first, rows, job->D,
                                              job->accumulate);
    }
}

void cpu_layernorm_backward(struct ops *ops, void *d_in, real *d_weight, real *d_bias, const void *d_out,
                            const void *in, const real *weight, const real *mean, const real *rstd, int64_t R,
                            int64_t D, bool accumulate) {
    struct cpu *cpu = cpu_of(ops);
    int64_t parts = (R + PART_ROWS - 1) / PART_ROWS;
    struct layernorm job = {.cpu = cpu, .out = d_in, .in = in, .d_out = d_out, .R = R, .D = D};
    job.mean = (real *)mean;
    job.rstd = (real *)rstd;
    job.weight = weight;
    job.accumulate = accumulate;
    job.part = cpu_shared(cpu, 2 * (size_t)(parts * D) * sizeof(float));
    cpu_run(cpu, R * D, layernorm_backward_parts, &job);
    for (int64_t i = 0; i < parts; i++) {
        cpu->kernels->add_sums(d_weight, job.part + 2 * i * D, D);
        cpu->kernels->add_sums(d_bias, job.part + (2 * i + 1) * D, D);
    }
}

struct normalize {
    const struct cpu *cpu;
    float *out, *norm;
    const float *d_out;
    char *d_in;
    const char *in;
    int64_t R, D;
};

static void normalize_rows(const void *context, struct share share) {
    const struct normalize *job = context;
    struct range range = share_of(share, job->R, 1);
    int64_t at = range.begin * job->D;
    job->cpu->kernels->normalize_forward(job->out + at, job->norm + range.begin,
                                         job->in + (size_t)at * job->cpu->element, range.end - range.begin, job->D);
}

void cpu_normalize_forward(struct ops *ops, real *out, real *norm, const void *in, int64_t R, int64_t D) {
    struct normalize job = {.cpu = cpu_of(ops), .out = out, .norm = norm, .in = in, .R = R, .D = D};
    cpu_run(cpu_of(ops), R * D, normalize_rows, &job);
}

static void normalize_backward_rows(const void *context, struct share share) {
    const struct normalize *job = context;
    struct range range = share_of(share, job->R, 1);
    int64_t at = range.begin * job->D;
    job->cpu->kernels->normalize_backward(job->d_in + (size_t)at * job->cpu->element, job->d_out + at, job->out + at,
                                          job->norm + range.begin, range.end - range.begin, job->D);
}

void cpu_normalize_backward(struct ops *ops, void *d_in, const real *d_out, const real *out, const real *norm,
                            int64_t R, int64_t D) {
    struct normalize job = {.cpu = cpu_of(ops), .d_in = d_in, .d_out = d_out, .R = R, .D = D};
    job.out = (real *)out;
    job.norm = (real *)norm;
    cpu_run(cpu_of(ops), R * D, normalize_backward_rows, &job);
}
