// A worker that writes a recording: nobody asks, so it makes the units in order, those of the run's steps or those of
// one pass, and where a list has not grown so far it waits. worker_run calls it when the edge's address is a file or a
// pipe.
#include <unistd.h>

#include "base/fail.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

// The message of a unit, when its samples have come.
static int make_patiently(const struct worker *worker, struct unit unit, struct message **message) {
    int status;
    while (!(status = worker_make(worker, unit, message)) && !*message) {
        if (stage_stopping()) return STAGE_STOP;
        usleep(WORKER_LOOK_MILLISECONDS * 1000);
    }
    return status;
}

static int write_unit(struct edge *edge, const struct worker *worker, struct unit unit) {
    struct message *message;
    int status = stage_stopping() ? STAGE_STOP : make_patiently(worker, unit, &message);
    if (status) return status;
    if (message->kind == MESSAGE_DATA) return edge_send(edge, ANYBODY, &message);
    message_free(&message);
    return HUB_END;
}

static int write_steps(struct edge *edge, const struct worker *worker) {
    const struct run_options *o = &worker->run->options;
    const int32_t microbatches = run_microbatches(worker->run), samples = (int32_t)o->microbatch;
    const bool typed = option_given(&worker->run->table, &o->steps);
    const int64_t steps = worker->run->start.steps && !typed ? worker->run->start.steps : o->steps;
    if (!steps) return error(EXIT_USAGE, "--steps N says where a recording of the %s edge ends", worker->edge);
    int status = run_check_batch(worker->run);
    for (int64_t step = o->first_step; step < steps && !status; step++)
        for (int32_t m = 0; m < microbatches && !status; m++)
            status = write_unit(edge, worker, (struct unit){step, m, step * o->batch_size + m * samples, samples});
    return status;
}

static int write_pass(struct edge *edge, const struct worker *worker) {
    const int32_t samples = (int32_t)worker->run->options.microbatch;
    int status = 0;
    for (int32_t m = 0; !status; m++)
        status = write_unit(edge, worker, (struct unit){0, m, (int64_t)m * samples, samples});
    return status;
}

int worker_record(const struct worker *worker, struct edge *edge) {
    return worker_trains(worker) ? write_steps(edge, worker) : write_pass(edge, worker);
}
