#include "train/follower_step.h"

#include <inttypes.h>

#include "train/dump.h"

static void collect_drops(const struct message *message, struct strings *drops) {
    const char *line;
    for (int i = 0; drops && (line = message_string(message, TENSOR_DROPS, i)); i++) strings_add_text(drops, line);
}

// What was taken before its turn, if that is this.
static bool take_next(struct follower *follower, int64_t step, int microbatch, int *status, struct message **message) {
    struct taken_ahead *next = &follower->taken_ahead;
    if (!next->is_taken || next->step != step || next->microbatch != microbatch) return false;
    *status = next->status;
    *message = next->message;
    *next = (struct taken_ahead){0};
    return true;
}

const struct message *follower_next(const struct work *work) {
    const struct unit *unit = work->behind;
    struct edge *edge = work->follower->phase->take[0];
    struct taken_ahead *next = &work->follower->taken_ahead;
    if (!unit || next->is_taken) return next->message;
    const struct wanted wanted = wanted_data(ANYBODY, unit->step, unit->microbatch);
    if (!edge_ready(edge, wanted)) return next->message;
    *next = (struct taken_ahead){.is_taken = true, .step = unit->step, .microbatch = unit->microbatch};
    next->status = edge_take(edge, wanted, &next->message);
    return next->message;
}

static int take_one(const struct follower_step *step, const struct phase *phase, struct edge *edge, int microbatch,
                    struct message **message) {
    bool pulled = phase == step->follower->phase;
    if (pulled && step->first) {
        *message = *step->first;
        *step->first = NULL;
        return 0;
    }
    if (pulled && step->prefetch) prefetch_reach(step->prefetch, &step->order, microbatch);
    int status;
    if (!pulled || !take_next(step->follower, step->order.step, microbatch, &status, message))
        status = edge_take(edge, wanted_data(ANYBODY, step->order.step, microbatch), message);
    if (status == HUB_END && step->open_end) {
        *message = message_new(MESSAGE_DATA, (struct unit){.step = step->order.step, .microbatch = microbatch});
        return 0;
    }
    if (status == HUB_END && !pulled && !edge_is_recording(edge))
        return error(EXIT_PEER, "step %" PRId64 ", microbatch %d: the %s edge ended within the step", step->order.step,
                     microbatch, edge_name(edge));
    if (!status && pulled) collect_drops(*message, step->drops);
    return status;
}

static int take_all(const struct follower_step *step, const struct phase *phase, int microbatch,
                    struct message *taken[PHASE_EDGES]) {
    int status = 0;
    for (int i = 0; i < PHASE_EDGES && !status; i++)
        if (phase->take[i]) status = take_one(step, phase, phase->take[i], microbatch, &taken[i]);
    return status;
}

static struct work work_of(const struct follower_step *step, int microbatch, int slot) {
    return (struct work){.follower = step->follower,
                         .step = step->order.step,
                         .microbatch = microbatch,
                         .microbatches = step->order.microbatches,
                         .slot = slot,
                         .batch = step->order.batch,
                         .train = step->train,
                         .dump = step->order.dump};
}

// `behind` is the unit that comes next on the pulled edge, or NULL.
static int run_one(const struct follower_step *step, const struct phase *phase, int microbatch, int slot,
                   const struct unit *behind) {
    struct follower *follower = step->follower;
    struct message *taken[PHASE_EDGES] = {NULL, NULL};
    struct work work = work_of(step, microbatch, slot);
    work.behind = phase == follower->phase ? behind : NULL;
    int status = take_all(step, phase, microbatch, taken);
    if (!status) status = phase->run(follower->context, &work, taken);
    for (int i = 0; i < PHASE_EDGES; i++)
        if (taken[i]) message_free(&taken[i]);
    return status;
}

static int run_phase(const struct follower_step *step, const struct phase *phase) {
    const struct follower *follower = step->follower;
    struct work work = work_of(step, follower->rank, 0);
    int status = phase->begin ? phase->begin(follower->context, &work) : 0;
    for (int m = follower->rank; m < step->order.microbatches && !status; m += follower->ranks) {
        const struct unit behind = {.step = step->order.step, .microbatch = m + follower->ranks};
        bool is_asked = behind.microbatch < step->order.microbatches && (!step->prefetch || follower->ahead > 0);
        status = run_one(step, phase, m, m / follower->ranks, is_asked ? &behind : NULL);
    }
    return status;
}

int follower_phases(const struct follower_step *step) {
    int status = 0;
    part_step(step->follower->part);
    for (int i = 0; i < step->follower->phases && !status; i++) {
        const struct phase *phase = &step->follower->phase[i];
        if (phase->enabled && (step->train || !phase->backward)) status = run_phase(step, phase);
    }
    return status;
}

int follower_unit(const struct follower_step *step, int microbatch) {
    int status = 0;
    for (int i = 0; i < step->follower->phases && !status; i++) {
        const struct phase *phase = &step->follower->phase[i];
        if (phase->enabled && !phase->backward) status = run_one(step, phase, microbatch, 0, step->behind);
    }
    return status;
}

int follower_dump(struct follower *follower) {
    struct tensor outputs[DUMP_OUTPUTS];
    return dump_write_part(follower->part, outputs, follower->outputs(follower->context, outputs), follower->control);
}

int follower_ended(const struct follower *follower, int64_t step) {
    return error(EXIT_DATA, "%s ends at step %" PRId64, edge_name(follower->phase->take[0]), step);
}

int follower_run(struct follower *follower) {
    // Replicas come later: this process has every microbatch.
    follower->rank = 0;
    follower->ranks = 1;
    int status = follower->control  ? follower_conducted(follower)
                 : follower->served ? follower_served(follower)
                                    : follower_alone(follower);
    if (follower->taken_ahead.message) message_free(&follower->taken_ahead.message);
    return status;
}
