// Training as a whole: where the run goes on, step after step, and the model that is left behind. What a step is stands
// in training_step.c.
#include "train/conductor.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "run/checkpoint_memory.h"
#include "run/export.h"
#include "stage/stage.h"
#include "train/idle.h"
#include "train/training.h"

struct memory_bytes conductor_bytes(const struct part *part, bool train) {
    if (part->run->options.contrastive_weight == 0) return (struct memory_bytes){0};
    return gather_bytes(part, train);
}

static int on_signal(void *context, int signal) {
    struct training *training = context;
    training->signal = signal;
    return 0;
}

static struct schedule schedule_of(const struct run *run) {
    return (struct schedule){.kind = (enum schedule_kind)run->options.schedule,
                             .base = run->options.lr,
                             .warmup = run->options.warmup,
                             .steps = run->start.steps,
                             .seconds = run->options.seconds,
                             .ceiling = run->options.max_seconds};
}

static struct progress *new_progress(const struct schedule *schedule) {
    if (schedule->steps) return progress_new("train", schedule->steps, "steps");
    return progress_new("train", (int64_t)ceil(schedule->seconds), "s");
}

// Where a run goes on.
static int take_up(struct training *training) {
    const char *path = training->conductor->part->run->start.checkpoint;
    struct checkpoint checkpoint = {0};
    int status = path[0] ? checkpoint_read(&checkpoint, path) : 0;
    training->step = checkpoint.step;
    training->samples = checkpoint.samples;
    training->elapsed_before = checkpoint.elapsed;
    return status;
}

static int take_steps(struct training *training) {
    int status;
    training->begun = training->step_begun = clock_seconds();
    bool last = training_is_over(training, training->step);
    if (last) note("nothing is left to do: the run has had its %" PRId64 " steps", training->step);
    progress_set(training->progress, training_done(training), NULL);
    status = incidents_reached(training->incidents, training->step, last);
    while (!last && !status) {
        status = training_step(training, &last);
        if (!status) status = incidents_reached(training->incidents, training->step, last);
    }
    return status;
}

// On disk, unless nothing was left to do for a run that was taken up from memory.
static char *last_checkpoint(const struct training *training) {
    const struct run_start *start = &training->conductor->part->run->start;
    char *path = checkpoint_path(CHECKPOINTS, training->step);
    if (directory_exists(path) || !start->checkpoint[0]) return path;
    free(path);
    return xstrdup(start->checkpoint);
}

static int export_last(const struct training *training) {
    const struct model_part *part[TOPOLOGY_STAGES];
    int count = topology_parts(training->conductor->topology, part);
    char *checkpoint = last_checkpoint(training);
    struct strings idle = {0};
    int status = directory_make("model");
    if (!status) status = idle_write(training->conductor->part, training->conductor->topology, "model", &idle);
    if (!status) status = export_model(checkpoint, "model", part, count, &idle);
    idle_remove(&idle);
    free(checkpoint);
    return status;
}

// What is in memory has done its service once the last checkpoint is on disk.
static int forget_memory(const struct training *training) {
    char *path = checkpoint_path(CHECKPOINTS, training->step);
    int status = directory_exists(path) ? checkpoint_memory_close(".") : 0;
    free(path);
    return status;
}

// Followers leave when control ends, and wait for the ends of all edges; the model is put together after that.
static int finish(struct training *training) {
    struct edge *edges[] = {training->conductor->embeddings, training->conductor->embeddings_grad,
                            training->conductor->control};
    int status = 0;
    for (size_t i = 0; i < sizeof edges / sizeof *edges && !status; i++)
        if (edges[i]) status = edge_end(edges[i]);
    if (!status && !training->signal) status = export_last(training);
    if (!status) status = forget_memory(training);
    stage_exit_signal(training->signal);
    return status;
}

int conductor_train(struct conductor *conductor) {
    struct training training = {.conductor = conductor, .schedule = schedule_of(conductor->part->run)};
    int status = take_up(&training);
    if (status) return status;
    if (conductor->embeddings) training.gather = gather_new(conductor, true);
    stage_signal_policy(STAGE_REQUEST, on_signal, &training);
    training.progress = new_progress(&training.schedule);
    status = drops_open(&training.drops, "drops.jsonl");
    training.incidents = incidents_open();
    if (!status) status = take_steps(&training);
    progress_done(&training.progress);
    if (!status && training.step < training.schedule.steps && training_is_out_of_time(&training))
        note("--max-seconds %g ended the run after %" PRId64 " of its %" PRId64 " steps", training.schedule.ceiling,
             training.step, training.schedule.steps);
    if (!status) status = finish(&training);
    drops_close(&training.drops);
    incidents_free(&training.incidents);
    gather_free(&training.gather);
    return status;
}
