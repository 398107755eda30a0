#include "train/memory.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/fail.h"
#include "stage/stage.h"
#include "train/run_options.h"

#define GIB 1073741824.0

// What a process takes beside its data: what it has before it allocates any, and then the sockets' threads and buffers,
// the stacks of a team, and pages of code that are first touched while it works. Measured, the same for every model.
#define WORKING_BYTES (1 << 20)

static int64_t program_bytes(void) {
    return memory_peak_bytes() + WORKING_BYTES;
}

// The first setting that fits: recompute first, then smaller microbatches.
static int refuse(memory_need *need, void *context, double bytes, double limit) {
    int64_t microbatch = run_options.microbatch;
    if (run_options.recompute == RECOMPUTE_NONE && (double)need(context, RECOMPUTE_MICROBATCH, microbatch) <= limit)
        return error(EXIT_USAGE, "needs %.2f GiB, more than --memory %g: --recompute microbatch fits", bytes / GIB,
                     run_options.memory_gib);
    for (microbatch--; microbatch > 0; microbatch--) {
        if (run_options.batch_size % microbatch) continue;
        if ((double)need(context, RECOMPUTE_MICROBATCH, microbatch) <= limit)
            return error(EXIT_USAGE,
                         "needs %.2f GiB, more than --memory %g: --recompute microbatch with --microbatch %" PRId64
                         " fits",
                         bytes / GIB, run_options.memory_gib, microbatch);
    }
    return error(EXIT_USAGE,
                 "needs %.2f GiB, more than --memory %g, and no --microbatch of a batch of %" PRId64
                 " fits: choose a smaller --model or --batch-size",
                 bytes / GIB, run_options.memory_gib, run_options.batch_size);
}

int memory_announce(memory_need *need, void *context) {
    int64_t program = program_bytes();
    int64_t bytes = program + need(context, run_options.recompute, run_options.microbatch);
    double limit = run_options.memory_gib * GIB;
    if (limit > 0 && (double)bytes > limit) return refuse(need, context, (double)bytes, limit - (double)program);
    note("needs %.3f GiB of memory", (double)bytes / GIB);
    stage_announce_memory(bytes);
    return 0;
}
