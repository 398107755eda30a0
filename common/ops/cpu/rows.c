// Operations on rows, mostly one kernel for each row of a thread's part. Sums into tables are the exception: tokens
// repeat, so two rows may add to one. There threads share the columns out, and each walks all rows in their order: no
// two write to one number, and each number's additions are in the order of the rows, as many threads as there may be.
#include <string.h>

#include "ops/cpu/cpu.h"

struct patch_job {
    const struct cpu *cpu;
    void *out;
    const uint8_t *pixels;
    const float *mean, *std;
    int64_t B, S, P;
};

static void patch_rows(const void *context, struct share share) {
    const struct patch_job *job = context;
    struct range range = share_of(share, job->B * (job->S / job->P) * (job->S / job->P), 1);
    job->cpu->kernels->patches(job->out, job->pixels, job->mean, job->std, range.begin, range.end - range.begin, job->S,
                               job->P);
}

void cpu_patches(struct ops *ops, void *out, const uint8_t *pixels, const float mean[3], const float std[3], int64_t B,
                 int64_t S, int64_t P) {
    struct patch_job job = {cpu_of(ops), out, pixels, mean, std, B, S, P};
    cpu_run(cpu_of(ops), B * S * S * 3, patch_rows, &job);
}

// Rows of D elements, and what says which of them belong together.
struct row_job {
    const struct cpu *cpu;
    char *out;
    const char *in, *table, *cls, *position;
    const int32_t *token, *place, *index;
    int64_t R, N, D;
};

static size_t row_at(const struct row_job *job, int64_t row) {
    return (size_t)(row * job->D) * job->cpu->element;
}

static void embed_rows(const void *context, struct share share) {
    const struct row_job *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++) {
        const char *from = job->token[r] < 0 ? job->cls : job->table + row_at(job, job->token[r]);
        job->cpu->kernels->add(job->out + row_at(job, r), from, job->position + row_at(job, job->place[r]), job->D);
    }
}

void cpu_embedding_forward(struct ops *ops, void *out, const void *table, const void *cls, const void *position,
                           const int32_t *token, const int32_t *place, int64_t R, int64_t D) {
    struct row_job job = {.cpu = cpu_of(ops), .out = out, .table = table, .cls = cls, .position = position};
    job.token = token;
    job.place = place;
    job.R = R;
    job.D = D;
    cpu_run(cpu_of(ops), R * D, embed_rows, &job);
}

struct embedding_gradient {
    const struct cpu *cpu;
    float *d_table, *d_cls, *d_position;
    const char *d_out;
    const int32_t *token, *place;
    int64_t R, D;
};

// All rows in their order, this thread's columns of each.
static void embedding_gradient_columns(const void *context, struct share share) {
    const struct embedding_gradient *job = context;
    struct range range = share_of(share, job->D, 16);
    int64_t n = range.end - range.begin;
    for (int64_t r = 0; r < job->R; r++) {
        const char *from = job->d_out + (size_t)(r * job->D + range.begin) * job->cpu->element;
        float *to = job->token[r] < 0 ? job->d_cls : job->d_table + job->token[r] * job->D;
        job->cpu->kernels->add_to_sum(to + range.begin, from, n);
        job->cpu->kernels->add_to_sum(job->d_position + job->place[r] * job->D + range.begin, from, n);
    }
}

void cpu_embedding_backward(struct ops *ops, real *d_table, real *d_cls, real *d_position, const void *d_out,
                            const int32_t *token, const int32_t *place, int64_t R, int64_t D) {
    struct embedding_gradient job = {cpu_of(ops), d_table, d_cls, d_position, d_out, token, place, R, D};
    cpu_run(cpu_of(ops), R * D, embedding_gradient_columns, &job);
}

static void add_rows(const void *context, struct share share) {
    const struct row_job *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++) {
        const char *added = job->table + row_at(job, r % job->N);
        if (job->in)
            job->cpu->kernels->add(job->out + row_at(job, r), job->in + row_at(job, r), added, job->D);
        else
            memcpy(job->out + row_at(job, r), added, row_at(job, 1));
    }
}

void cpu_add_rows(struct ops *ops, void *out, const void *in, const void *rows, int64_t R, int64_t N, int64_t D) {
    struct row_job job = {.cpu = cpu_of(ops), .out = out, .in = in, .table = rows, .R = R, .N = N, .D = D};
    cpu_run(cpu_of(ops), R * D, add_rows, &job);
}

struct row_sum {
    const struct cpu *cpu;
    float *sum;
    const char *in;
    int64_t R, N, D;
};

// Columns of the N·D sums; row n of the table meets rows n, n + N, … in ascending order. The last round may be short.
static void sum_row_columns(const void *context, struct share share) {
    const struct row_sum *job = context;
    struct range range = share_of(share, job->N * job->D, 16);
    for (int64_t first = 0; first < job->R; first += job->N) {
        int64_t left = (job->R - first) * job->D, end = range.end < left ? range.end : left;
        if (range.begin < end)
            job->cpu->kernels->add_to_sum(job->sum + range.begin,
                                          job->in + (size_t)(first * job->D + range.begin) * job->cpu->element,
                                          end - range.begin);
    }
}

void cpu_sum_rows(struct ops *ops, real *d_rows, const void *d_out, int64_t R, int64_t N, int64_t D) {
    struct row_sum job = {cpu_of(ops), d_rows, d_out, R, N, D};
    cpu_run(cpu_of(ops), R * D, sum_row_columns, &job);
}

static void gather_rows(const void *context, struct share share) {
    const struct row_job *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++)
        memcpy(job->out + row_at(job, r), job->in + row_at(job, job->index[r]), row_at(job, 1));
}

void cpu_gather_rows(struct ops *ops, void *out, const void *in, const int32_t *index, int64_t R, int64_t D) {
    struct row_job job = {.cpu = cpu_of(ops), .out = out, .in = in, .index = index, .R = R, .D = D};
    cpu_run(cpu_of(ops), R * D, gather_rows, &job);
}

// The indices are distinct, so rows may be shared out.
static void scatter_rows(const void *context, struct share share) {
    const struct row_job *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++) {
        char *to = job->out + row_at(job, job->index[r]);
        job->cpu->kernels->add(to, to, job->in + row_at(job, r), job->D);
    }
}

void cpu_scatter_add_rows(struct ops *ops, void *out, const void *in, const int32_t *index, int64_t R, int64_t D) {
    struct row_job job = {.cpu = cpu_of(ops), .out = out, .in = in, .index = index, .R = R, .D = D};
    cpu_run(cpu_of(ops), R * D, scatter_rows, &job);
}

static void add_elements(const void *context, struct share share) {
    const struct row_job *job = context;
    struct range range = share_of(share, job->R, 64);
    size_t at = row_at(job, range.begin);
    job->cpu->kernels->add(job->out + at, job->in + at, job->table + at, range.end - range.begin);
}

void cpu_add(struct ops *ops, void *out, const void *a, const void *b, int64_t n) {
    struct row_job job = {.cpu = cpu_of(ops), .out = out, .in = a, .table = b, .R = n, .D = 1};
    cpu_run(cpu_of(ops), n, add_elements, &job);
}

struct largest {
    const struct cpu *cpu;
    int32_t *index;
    const char *x;
    int64_t R, C;
    int k;
};

// Keeps the k largest in falling order; of equals the earlier stays ahead.
static void keep_largest(int32_t *index, float *value, int *count, int k, int32_t column, float x) {
    int at = *count < k ? (*count)++ : k - 1;
    for (; at > 0 && x > value[at - 1]; at--) {
        value[at] = value[at - 1];
        index[at] = index[at - 1];
    }
    value[at] = x;
    index[at] = column;
}

// Keeping k in order costs little beside one comparison for most elements: the k-th largest soon is larger than they.
static void largest_of_rows(const void *context, struct share share) {
    const struct largest *job = context;
    struct range range = share_of(share, job->R, 1);
    for (int64_t r = range.begin; r < range.end; r++) {
        const char *row = job->x + (size_t)(r * job->C) * job->cpu->element;
        float value[LARGEST_COLUMNS];
        int count = 0;
        for (int32_t c = 0; c < job->C; c++) {
            float x =
                job->cpu->element == sizeof(float) ? ((const float *)row)[c] : bf16_to_f32(((const uint16_t *)row)[c]);
            if (count < job->k || x > value[job->k - 1])
                keep_largest(job->index + r * job->k, value, &count, job->k, c, x);
        }
    }
}

void cpu_largest_columns(struct ops *ops, int32_t *index, const void *x, int64_t R, int64_t C, int k) {
    struct largest job = {cpu_of(ops), index, x, R, C, k};
    cpu_run(cpu_of(ops), R * C, largest_of_rows, &job);
}
