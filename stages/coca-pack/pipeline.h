// Samples through several threads and out again in the order they came.
#pragma once

#include "job.h"

struct pipeline;

// `work` is called in any thread, `retire` in the caller's of the functions below, in order. What `retire` returns,
// 0 or -exit_code, sticks: no further job is retired.
struct pipeline_calls {
    void (*work)(struct job *job, const void *context);
    const void *work_context;
    int (*retire)(struct job *job, void *context);
    void *retire_context;
};
// `threads` 0: one per core.
struct pipeline *pipeline_new(int threads, struct pipeline_calls calls);

// A job to fill, waiting for the oldest to be done when all are in work; pipeline_put sets it to work. NULL when a
// retirement failed.
struct job *pipeline_next(struct pipeline *pipeline);
void pipeline_put(struct pipeline *pipeline);

// Retires all that is in work. The sticky status.
int pipeline_drain(struct pipeline *pipeline);
void pipeline_free(struct pipeline **pipeline); // what is in work is finished, and not retired
