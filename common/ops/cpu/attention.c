// Attention by heads of samples: thread t has the t-th part of them, and a head is one thread's from its scores to its
// gradients. So no sum crosses threads, and results have the same bits for any number of them. What a head is, rows of
// q, k, v and out that may lie anywhere and be shared, is worked out here; kernels/attention.inc computes.
#include "base/fail.h"
#include "ops/cpu/cpu.h"

struct attention {
    const struct cpu *cpu;
    const struct attention_shape *shape;
    const char *q, *k, *v, *d_out;
    char *out, *dq, *dk, *dv;
    float *lse;
};

static int64_t out_row(const struct attention_shape *shape, int b) {
    return shape->out_start ? shape->out_start[b] : shape->q_start[b];
}

static struct head head_of(const struct attention *job, int b, int h) {
    const struct attention_shape *s = job->shape;
    int64_t q_at = s->q_start[b] * s->q_stride + h * s->width, k_at = s->k_start[b] * s->kv_stride + h * s->width;
    int64_t out_at = out_row(s, b) * s->out_stride + h * s->width;
    size_t e = job->cpu->element;
    return (struct head){
        .q = job->q + (size_t)q_at * e,
        .k = job->k + (size_t)k_at * e,
        .v = job->v + (size_t)k_at * e,
        .out = job->out + (size_t)out_at * e,
        .lse = job->lse ? job->lse + out_row(s, b) * s->H + h : NULL,
        .key_valid = s->key_valid ? s->key_valid + s->k_start[b] : NULL,
        .q_stride = s->q_stride,
        .kv_stride = s->kv_stride,
        .out_stride = s->out_stride,
        .lse_stride = s->H,
        .q_count = s->q_count[b],
        .k_count = s->k_count[b],
        .width = s->width,
        .causal = s->causal,
    };
}

static struct head_gradient gradient_of(const struct attention *job, int b, int h) {
    const struct attention_shape *s = job->shape;
    size_t e = job->cpu->element;
    size_t q_at = (size_t)(out_row(s, b) * s->q_stride + h * s->width) * e;
    size_t k_at = (size_t)(s->k_start[b] * s->kv_stride + h * s->width) * e;
    size_t out_at = (size_t)(out_row(s, b) * s->out_stride + h * s->width) * e;
    return (struct head_gradient){job->d_out + out_at, job->dq + q_at, job->dk + k_at, job->dv + k_at};
}

static void forward_heads(const void *context, struct share share) {
    const struct attention *job = context;
    const struct attention_shape *s = job->shape;
    struct range range = share_of(share, (int64_t)s->B * s->H, 1);
    for (int64_t i = range.begin; i < range.end; i++) {
        struct head head = head_of(job, (int)(i / s->H), (int)(i % s->H));
        job->cpu->kernels->attention_forward(&head, cpu_scratch(job->cpu, share));
    }
}

static void backward_heads(const void *context, struct share share) {
    const struct attention *job = context;
    const struct attention_shape *s = job->shape;
    struct range range = share_of(share, (int64_t)s->B * s->H, 1);
    for (int64_t i = range.begin; i < range.end; i++) {
        struct head head = head_of(job, (int)(i / s->H), (int)(i % s->H));
        struct head_gradient gradient = gradient_of(job, (int)(i / s->H), (int)(i % s->H));
        job->cpu->kernels->attention_backward(&head, &gradient, cpu_scratch(job->cpu, share));
    }
}

// Counts beyond the maxima would overrun the scratch memory, which is made for the largest head. The work is counted in
// scores and in the queries' rows.
static void run(struct cpu *cpu, struct attention *job, void (*heads)(const void *context, struct share share)) {
    const struct attention_shape *s = job->shape;
    job->cpu = cpu;
    for (int b = 0; b < s->B; b++)
        if (s->q_count[b] > s->q_max || s->k_count[b] > s->k_max)
            bug("attention: sample %d has %d queries and %d keys, more than %d and %d", b, (int)s->q_count[b],
                (int)s->k_count[b], s->q_max, s->k_max);
    cpu_reserve_scratch(cpu, (size_t)attention_scratch(s->k_max, s->width) * sizeof(float));
    cpu_run(cpu, (int64_t)s->B * s->H * s->q_max * (s->k_max + s->width), heads, job);
}

void cpu_attention_forward(struct ops *ops, void *out, real *lse, const void *q, const void *k, const void *v,
                           const struct attention_shape *shape) {
    struct attention job = {.shape = shape, .out = out, .lse = lse, .q = q, .k = k, .v = v};
    run(cpu_of(ops), &job, forward_heads);
}

void cpu_attention_backward(struct ops *ops, void *dq, void *dk, void *dv, const void *d_out, const void *q,
                            const void *k, const void *v, const void *out, const real *lse,
                            const struct attention_shape *shape) {
    struct attention job = {.shape = shape, .q = q, .k = k, .v = v, .d_out = d_out, .dq = dq, .dk = dk, .dv = dv};
    job.out = (void *)out;
    job.lse = (real *)lse;
    run(cpu_of(ops), &job, backward_heads);
}
