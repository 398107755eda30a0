// Profiling by decoration, for COCA_PROFILE: every operation in the table is replaced by one that times the backend's
// own, so that no backend knows of it, and it costs nothing where it is off. An operation is over when `finish`
// returns: a queued backend's calls are then timed by what they do and not by how long they take to issue, at the price
// of the overlap between them.
#include "ops/profile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

enum operation {
#define OP(name, parameters, arguments) OPERATION_##name,
#include "ops/ops.def"
#undef OP
    OPERATION_COUNT
};

struct timing {
    const char *label;
    int64_t calls;
    double seconds;
};

struct ops_profile {
    struct ops plain; // the table as the backend made it
    struct timing timing[OPERATION_COUNT];
};

static void record(struct ops *ops, enum operation operation, double start) {
    ops->profile->plain.finish(ops);
    struct timing *timing = &ops->profile->timing[operation];
    timing->calls++;
    timing->seconds += clock_seconds() - start;
}

#define OP(name, parameters, arguments)                                                                                \
    static void profiled_##name parameters {                                                                           \
        double start = clock_seconds();                                                                                \
        ops->profile->plain.name arguments;                                                                            \
        record(ops, OPERATION_##name, start);                                                                          \
    }
#include "ops/ops.def"
#undef OP

void ops_profile_start(struct ops *ops) {
    if (ops->profile) return;
    struct ops_profile *profile = xcalloc(1, sizeof *profile);
    profile->plain = *ops;
#define OP(name, parameters, arguments)                                                                                \
    profile->timing[OPERATION_##name].label = #name;                                                                   \
    ops->name = profiled_##name;
#include "ops/ops.def"
#undef OP
    ops->profile = profile;
}

static int by_time(const void *a, const void *b) {
    double difference = ((const struct timing *)b)->seconds - ((const struct timing *)a)->seconds;
    return (difference > 0) - (difference < 0);
}

static void print_line(const char *name, int64_t calls, double seconds, double elapsed) {
    double call_us = calls ? 1e6 * seconds / (double)calls : 0;
    fprintf(stderr, "%-34s %9lld %11.3f %6.1f%% %11.1f\n", name, (long long)calls, seconds, 100 * seconds / elapsed,
            call_us);
}

void ops_profile_report(struct ops *ops, double elapsed_seconds) {
    struct timing sorted[OPERATION_COUNT];
    double total = 0;
    for (int i = 0; i < OPERATION_COUNT; i++) {
        sorted[i] = ops->profile->timing[i];
        total += sorted[i].seconds;
    }
    qsort(sorted, OPERATION_COUNT, sizeof *sorted, by_time);
    fprintf(stderr, "%-34s %9s %11s %7s %11s\n", "operation", "calls", "seconds", "share", "us a call");
    for (int i = 0; i < OPERATION_COUNT; i++)
        if (sorted[i].calls) print_line(sorted[i].label, sorted[i].calls, sorted[i].seconds, elapsed_seconds);
    print_line("between operations", 0, elapsed_seconds - total, elapsed_seconds);
}

void profile_release(struct ops *ops) {
    free(ops->profile);
    ops->profile = NULL;
}
