#include "train/memory.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fail.h"
#include "run/run_options.h"
#include "stage/stage.h"

#define GIB 1073741824.0

// What a process takes beside its data: what it has before it allocates any, and then the sockets' threads and buffers,
// the stacks of a team, and pages of code that are first touched while it works. Measured, the same for every model.
#define WORKING_BYTES (1 << 20)

static int64_t program_bytes(void) {
    return memory_peak_bytes() + WORKING_BYTES;
}

// A limit, and the bytes that are held to it.
struct bound {
    int64_t bytes, limit; // INT64_MAX: none
    char what[80];        // "more than --memory 4"
    bool device_alone;
    int64_t program; // counted beside what the stage needs
};

static int64_t held(const struct bound *bound, struct memory_bytes need) {
    return bound->device_alone ? need.device : bound->program + need.device + need.host;
}

// The first setting that fits: recompute first, then smaller microbatches.
static int refuse(memory_need *need, void *context, const struct bound *bound) {
    double gib = (double)bound->bytes / GIB;
    int64_t microbatch = run_options.microbatch;
    if (run_options.recompute == RECOMPUTE_NONE &&
        held(bound, need(context, RECOMPUTE_MICROBATCH, microbatch)) <= bound->limit)
        return error(EXIT_USAGE, "needs %.2f GiB, %s: --recompute microbatch fits", gib, bound->what);
    for (microbatch--; microbatch > 0; microbatch--) {
        if (run_options.batch_size % microbatch) continue;
        if (held(bound, need(context, RECOMPUTE_MICROBATCH, microbatch)) <= bound->limit)
            return error(EXIT_USAGE, "needs %.2f GiB, %s: --recompute microbatch with --microbatch %" PRId64 " fits",
                         gib, bound->what, microbatch);
    }
    return error(EXIT_USAGE,
                 "needs %.2f GiB, %s, and no --microbatch of a batch of %" PRId64
                 " fits: choose a smaller --model or --batch-size",
                 gib, bound->what, run_options.batch_size);
}

static int check(memory_need *need, void *context, struct bound *bound) {
    bound->bytes = held(bound, need(context, run_options.recompute, run_options.microbatch));
    return bound->bytes > bound->limit ? refuse(need, context, bound) : 0;
}

static int check_option(memory_need *need, void *context, bool device_alone) {
    struct bound bound = {.limit = INT64_MAX, .device_alone = device_alone, .program = program_bytes()};
    if (run_options.memory_gib > 0) bound.limit = (int64_t)(run_options.memory_gib * GIB);
    snprintf(bound.what, sizeof bound.what, "more than --memory %g", run_options.memory_gib);
    return check(need, context, &bound);
}

static int check_free(memory_need *need, void *context, int64_t free_bytes) {
    struct bound bound = {.limit = free_bytes, .device_alone = true};
    snprintf(bound.what, sizeof bound.what, "more than the %.2f GiB that its GPU has free", (double)free_bytes / GIB);
    return check(need, context, &bound);
}

int memory_announce(struct ops *ops, memory_need *need, void *context) {
    struct memory_bytes bytes = need(context, run_options.recompute, run_options.microbatch);
    int64_t program = program_bytes(), free_bytes;
    ops->free_memory(ops, &free_bytes);
    bool gpu = free_bytes >= 0;
    int status = check_option(need, context, gpu);
    if (!status && gpu) status = check_free(need, context, free_bytes);
    if (status) return status;
    int64_t host = program + bytes.host + (gpu ? 0 : bytes.device);
    if (gpu) note("needs %.3f GiB of its GPU's memory", (double)bytes.device / GIB);
    note("needs %.3f GiB of memory", (double)host / GIB);
    stage_announce_memory(host);
    return 0;
}
