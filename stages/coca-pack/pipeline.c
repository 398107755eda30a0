// Decoding every picture is nearly all the work of packing, and each picture is alone: so threads work on a ring of
// jobs, while reading and writing stay in the caller's thread, which fills jobs at one end and retires them at the
// other, in order. The ring's size bounds memory, and a reader that is ahead waits for the oldest job. `pack` and
// `verify` call it.
#include "pipeline.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/machine.h"

#define JOBS_PER_THREAD 16 // so that one large picture does not hold up the others

// Jobs `retired` … `filled` − 1 are in the ring, at their number modulo `size`; those below `taken` are with a thread
// or done.
struct pipeline {
    struct pipeline_calls calls;
    pthread_t *thread;
    int threads;

    pthread_mutex_t lock;
    pthread_cond_t is_filled, is_done;
    struct slot {
        struct job job;
        bool done;
    } * slot;
    int64_t size, filled, taken, retired;
    bool closing;
    int status;
};

static struct slot *slot_of(struct pipeline *pipeline, int64_t number) {
    return &pipeline->slot[number % pipeline->size];
}

// The lock is held only while numbers change; a job belongs to one thread between `taken` and `done`. After `closing`
// what was filled is still worked off.
static void *work_on(void *argument) {
    struct pipeline *pipeline = argument;
    pthread_mutex_lock(&pipeline->lock);
    for (;;) {
        while (pipeline->taken == pipeline->filled && !pipeline->closing)
            pthread_cond_wait(&pipeline->is_filled, &pipeline->lock);
        if (pipeline->taken == pipeline->filled) break;
        struct slot *slot = slot_of(pipeline, pipeline->taken++);
        pthread_mutex_unlock(&pipeline->lock);
        pipeline->calls.work(&slot->job, pipeline->calls.work_context);
        pthread_mutex_lock(&pipeline->lock);
        slot->done = true;
        pthread_cond_signal(&pipeline->is_done);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

struct pipeline *pipeline_new(int threads, struct pipeline_calls calls) {
    struct pipeline *pipeline = xcalloc(1, sizeof *pipeline);
    pipeline->calls = calls;
    pipeline->threads = threads ? threads : machine_cores();
    pipeline->size = (int64_t)pipeline->threads * JOBS_PER_THREAD;
    pipeline->slot = xcalloc((size_t)pipeline->size, sizeof *pipeline->slot);
    pipeline->thread = xcalloc((size_t)pipeline->threads, sizeof *pipeline->thread);
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->is_filled, NULL);
    pthread_cond_init(&pipeline->is_done, NULL);
    for (int i = 0; i < pipeline->threads; i++)
        if (pthread_create(&pipeline->thread[i], NULL, work_on, pipeline))
            die(EXIT_RUN, "cannot start a thread; give fewer --workers");
    return pipeline;
}

// Order is kept by waiting for the oldest, not for any. `status` sticks: after a failure jobs are taken out and not
// written.
static void retire_oldest(struct pipeline *pipeline) {
    struct slot *slot = slot_of(pipeline, pipeline->retired);
    pthread_mutex_lock(&pipeline->lock);
    while (!slot->done) pthread_cond_wait(&pipeline->is_done, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
    if (!pipeline->status) pipeline->status = pipeline->calls.retire(&slot->job, pipeline->calls.retire_context);
    slot->done = false;
    pipeline->retired++;
}

// The slot at `filled` is free: its job was retired a whole ring ago, and no thread looks at it before pipeline_put.
struct job *pipeline_next(struct pipeline *pipeline) {
    if (pipeline->filled - pipeline->retired == pipeline->size) retire_oldest(pipeline);
    if (pipeline->status) return NULL;
    struct job *job = &slot_of(pipeline, pipeline->filled)->job;
    job_clear(job);
    return job;
}

void pipeline_put(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->filled++;
    pthread_cond_signal(&pipeline->is_filled);
    pthread_mutex_unlock(&pipeline->lock);
}

// Jobs in work borrow the caller's contexts, so they are waited for even after a failure.
int pipeline_drain(struct pipeline *pipeline) {
    while (pipeline->retired < pipeline->filled) retire_oldest(pipeline);
    return pipeline->status;
}

void pipeline_free(struct pipeline **pipeline) {
    struct pipeline *old = *pipeline;
    pthread_mutex_lock(&old->lock);
    old->closing = true;
    pthread_cond_broadcast(&old->is_filled);
    pthread_mutex_unlock(&old->lock);
    for (int i = 0; i < old->threads; i++) pthread_join(old->thread[i], NULL);
    for (int64_t i = 0; i < old->size; i++) job_release(&old->slot[i].job);
    pthread_mutex_destroy(&old->lock);
    pthread_cond_destroy(&old->is_filled);
    pthread_cond_destroy(&old->is_done);
    free(old->slot);
    free(old->thread);
    free(old);
    *pipeline = NULL;
}
