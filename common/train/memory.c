// A stage that runs out of memory after an hour has wasted the hour, so each says at its start what it will need at
// most, and one that is told of a limit refuses before it allocates. What is needed is the stage's to know; here it is
// compared, said, and when it does not fit, the first setting that would is searched for.
#include "train/memory.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fail.h"
#include "stage/stage.h"

#define GIB 1073741824.0

// What a process takes beside its data: what it has before it allocates any, and then the sockets' threads and buffers,
// the stacks of a team, and pages of code that are first touched while it works. Measured, the same for every model.
#define WORKING_BYTES (1 << 20)

static int64_t program_bytes(void) {
    return memory_peak_bytes() + WORKING_BYTES;
}

// What is asked for, by which run.
struct wish {
    const struct run_options *options;
    memory_need *need;
    void *context;
};

// A limit, and the bytes that are held to it.
struct bound {
    int64_t bytes, limit; // INT64_MAX: none
    char what[80];        // "more than --memory 4"
    bool device_alone;
    int64_t program; // counted beside what the stage needs
};

static struct memory_bytes need_of(const struct wish *wish, int recompute, int64_t microbatch) {
    return wish->need(wish->context, recompute, microbatch);
}

static int64_t held(const struct bound *bound, struct memory_bytes need) {
    return bound->device_alone ? need.device : bound->program + need.device + need.host;
}

// The first setting that fits: recompute first, then smaller microbatches.
static int refuse(const struct wish *wish, const struct bound *bound) {
    const struct run_options *o = wish->options;
    double gib = (double)bound->bytes / GIB;
    int64_t microbatch = o->microbatch;
    if (o->recompute == RECOMPUTE_NONE && held(bound, need_of(wish, RECOMPUTE_MICROBATCH, microbatch)) <= bound->limit)
        return error(EXIT_USAGE, "needs %.2f GiB, %s: --recompute microbatch fits", gib, bound->what);
    for (microbatch--; microbatch > 0; microbatch--) {
        if (o->batch_size % microbatch) continue;
        if (held(bound, need_of(wish, RECOMPUTE_MICROBATCH, microbatch)) <= bound->limit)
            return error(EXIT_USAGE, "needs %.2f GiB, %s: --recompute microbatch with --microbatch %" PRId64 " fits",
                         gib, bound->what, microbatch);
    }
    return error(EXIT_USAGE,
                 "needs %.2f GiB, %s, and no --microbatch of a batch of %" PRId64
                 " fits: choose a smaller --model or --batch-size",
                 gib, bound->what, o->batch_size);
}

static int check(const struct wish *wish, struct bound *bound) {
    bound->bytes = held(bound, need_of(wish, wish->options->recompute, wish->options->microbatch));
    return bound->bytes > bound->limit ? refuse(wish, bound) : 0;
}

static int check_option(const struct wish *wish, bool device_alone) {
    const double gib = wish->options->memory_gib;
    struct bound bound = {.limit = INT64_MAX, .device_alone = device_alone, .program = program_bytes()};
    if (gib > 0) bound.limit = (int64_t)(gib * GIB);
    snprintf(bound.what, sizeof bound.what, "more than --memory %g", gib);
    return check(wish, &bound);
}

static int check_free(const struct wish *wish, int64_t free_bytes) {
    struct bound bound = {.limit = free_bytes, .device_alone = true};
    snprintf(bound.what, sizeof bound.what, "more than the %.2f GiB that its GPU has free", (double)free_bytes / GIB);
    return check(wish, &bound);
}

int memory_announce(const struct run *run, struct ops *ops, memory_need *need, void *context) {
    const struct wish wish = {&run->options, need, context};
    struct memory_bytes bytes = need_of(&wish, run->options.recompute, run->options.microbatch);
    int64_t program = program_bytes(), free_bytes;
    ops->free_memory(ops, &free_bytes);
    bool gpu = free_bytes >= 0;
    int status = check_option(&wish, gpu);
    if (!status && gpu) status = check_free(&wish, free_bytes);
    if (status) return status;
    int64_t host = program + bytes.host + (gpu ? 0 : bytes.device);
    if (gpu) note("needs %.3f GiB of its GPU's memory", (double)bytes.device / GIB);
    note("needs %.3f GiB of memory", (double)host / GIB);
    stage_announce_memory(host);
    return 0;
}
