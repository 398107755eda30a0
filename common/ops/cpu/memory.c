// Memory, copies and conversions where the device is the host: the one thing that differs from malloc is that copies of
// weights (packed.c) must hear of what happens to addresses. Large copies are shared out over the threads, by pages:
// one core alone does not use all of the memory's bandwidth.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/cpu/cpu.h"

// Zeroed in the threads, since the kernel makes a page where it is first touched: much of what reading a model takes.
void cpu_allocate(struct ops *ops, void **memory, size_t bytes) {
    *memory = xaligned(bytes);
    cpu_zero(ops, *memory, bytes);
}

// What is allocated next may lie where weights lay.
void cpu_release(struct ops *ops, void *memory) {
    packed_expire(&cpu_of(ops)->packed);
    free(memory);
}

void cpu_upload(struct ops *ops, void *device, const void *host, size_t bytes) {
    cpu_copy(ops, device, host, bytes);
}

void cpu_download(struct ops *ops, void *host, const void *device, size_t bytes) {
    cpu_copy(ops, host, device, bytes);
}

struct span {
    char *to;
    const char *from;
    int64_t bytes;
};

static void copy_span(const void *context, struct share share) {
    const struct span *job = context;
    struct range range = share_of(share, job->bytes, 4096);
    memcpy(job->to + range.begin, job->from + range.begin, (size_t)(range.end - range.begin));
}

void cpu_copy(struct ops *ops, void *to, const void *from, size_t bytes) {
    cpu_run(cpu_of(ops), (int64_t)bytes / 8, copy_span, &(struct span){to, from, (int64_t)bytes});
}

static void zero_span(const void *context, struct share share) {
    const struct span *job = context;
    struct range range = share_of(share, job->bytes, 4096);
    memset(job->to + range.begin, 0, (size_t)(range.end - range.begin));
}

void cpu_zero(struct ops *ops, void *memory, size_t bytes) {
    cpu_run(cpu_of(ops), (int64_t)bytes / 8, zero_span, &(struct span){.to = memory, .bytes = (int64_t)bytes});
}

struct conversion {
    const struct kernels *kernels;
    char *to;
    const char *from;
    enum dtype to_type, from_type;
    int64_t n;
};

static void convert_span(const void *context, struct share share) {
    const struct conversion *job = context;
    struct range range = share_of(share, job->n, 1024);
    char *to = job->to + (size_t)range.begin * dtype_size(job->to_type);
    const char *from = job->from + (size_t)range.begin * dtype_size(job->from_type);
    int64_t n = range.end - range.begin;
    if (job->to_type == DT_BF16 && job->from_type == DT_F32)
        job->kernels->narrow_bf16((uint16_t *)to, (const float *)from, n);
    else if (job->to_type == DT_F32 && job->from_type == DT_BF16)
        job->kernels->widen_bf16((float *)to, (const uint16_t *)from, n);
    else
        dtype_convert(to, job->to_type, from, job->from_type, (size_t)n);
}

void cpu_convert(struct ops *ops, void *to, enum dtype to_type, const void *from, enum dtype from_type, int64_t n) {
    struct conversion job = {cpu_of(ops)->kernels, to, from, to_type, from_type, n};
    cpu_run(cpu_of(ops), n, convert_span, &job);
}

void cpu_weights_changed(struct ops *ops) {
    packed_expire(&cpu_of(ops)->packed);
}

void cpu_finish(struct ops *ops) {
    (void)ops;
}
