// What all drivers have in common: a microbatch is taken from each edge that a phase names, and the phase runs. Which
// microbatches, and what comes before and behind a step, is the drivers' matter; what a pass computes is the stage's.
#include "train/follower_pass.h"

#include <inttypes.h>

#include "base/fail.h"
#include "train/dump.h"

// ---- taking

static void collect_drops(const struct message *message, struct strings *drops) {
    const char *line;
    for (int i = 0; drops && (line = message_string(message, TENSOR_DROPS, i)); i++) strings_add_text(drops, line);
}

// A queue gives what it was asked for in order; another unit here means that driver and queue disagree, which would
// train on the wrong samples.
static int take_pulled(const struct pass *pass, int microbatch, struct message **message) {
    if (pass->first) {
        *message = *pass->first;
        *pass->first = NULL;
        return 0;
    }
    int status = ahead_take(&pass->follower->pulled, message);
    if (status) return status;
    if ((*message)->unit.step != pass->order.step || (*message)->unit.microbatch != microbatch)
        bug("(%" PRId64 ", %d) was taken where (%" PRId64 ", %d) is needed", (*message)->unit.step,
            (*message)->unit.microbatch, pass->order.step, microbatch);
    collect_drops(*message, pass->drops);
    return 0;
}

// An `end` of a stage within a step is a loss. A recording may end there: its driver knows whether that is the end of
// the data.
static int take_pushed(const struct pass *pass, const struct channel *channel, int microbatch,
                       struct message **message) {
    int64_t step = pass->order.step;
    struct address from = channel_address(channel, microbatch, pass->order.microbatches);
    int status = edge_take(channel->edge, wanted_data(from, step, microbatch), message);
    if (status == HUB_END && !pass->open_end && !edge_is_recording(channel->edge))
        return error(EXIT_PEER, "step %" PRId64 ", microbatch %d: the %s edge ended within the step", step, microbatch,
                     edge_name(channel->edge));
    return status;
}

static int take_one(const struct pass *pass, const struct channel *channel, bool pulled, int microbatch,
                    struct message **message) {
    int status = pulled ? take_pulled(pass, microbatch, message) : take_pushed(pass, channel, microbatch, message);
    if (status == HUB_END) pass->follower->ended = channel->edge;
    if (status != HUB_END || !pass->open_end) return status;
    *message = message_new(MESSAGE_DATA, (struct unit){.step = pass->order.step, .microbatch = microbatch});
    return 0;
}

static int take_all(const struct pass *pass, const struct phase *phase, int microbatch,
                    struct message *taken[PHASE_EDGES]) {
    int status = 0;
    for (int i = 0; i < PHASE_EDGES && !status; i++)
        if (phase->take[i].edge)
            status = take_one(pass, &phase->take[i], phase->pulls && i == 0, microbatch, &taken[i]);
    return status;
}

// ---- running

// Between the halves of the pass the next message is handed down, so that the stage can send it ahead to its device.
// `more`: the next pass of this phase takes the pulled edge's next message.
static int run_halves(const struct pass *pass, const struct phase *phase, const struct work *work, bool more,
                      struct message *taken[PHASE_EDGES]) {
    struct follower *follower = pass->follower;
    int status = phase->launch(follower->context, work, taken);
    bool look = !status && more && phase->ahead && ahead_first(&follower->pulled);
    const struct message *next = look ? ahead_peek(&follower->pulled) : NULL;
    if (next) phase->ahead(follower->context, next);
    return status ? status : phase->run(follower->context, work, taken);
}

static int run_one(const struct pass *pass, const struct phase *phase, const struct work *work, bool more) {
    struct message *taken[PHASE_EDGES] = {NULL, NULL};
    int status = take_all(pass, phase, work->microbatch, taken);
    if (!status && phase->launch)
        status = run_halves(pass, phase, work, more, taken);
    else if (!status)
        status = phase->run(pass->follower->context, work, taken);
    for (int i = 0; i < PHASE_EDGES; i++) message_free(&taken[i]);
    return status;
}

static struct work work_of(const struct pass *pass, int microbatch, int slot, int own) {
    return (struct work){.step = pass->order.step,
                         .microbatch = microbatch,
                         .microbatches = pass->order.microbatches,
                         .slot = slot,
                         .own = own,
                         .batch = pass->order.batch,
                         .B = pass->follower->part->run->options.microbatch,
                         .train = pass->train,
                         .dump = pass->order.dump};
}

// What a pass adds to gradients is a leaf of the step's sum.
static int run_summed(const struct pass *pass, const struct phase *phase, const struct work *work) {
    struct gradients *gradients = pass->train && phase->gradients ? pass->follower->gradients : NULL;
    if (gradients) gradients_open(gradients, phase->gradients, work->slot);
    int status = run_one(pass, phase, work, work->slot + 1 < work->own);
    if (!gradients) return status;
    int summed = gradients_close(gradients);
    return status ? status : summed;
}

static int run_phase(const struct pass *pass, const struct phase *phase) {
    const struct follower *follower = pass->follower;
    const struct share share = share_of(pass->order.microbatches, follower->rank, follower->ranks);
    struct work work = work_of(pass, share.first, 0, share.count);
    int status = phase->begin ? phase->begin(follower->context, &work) : 0;
    for (int slot = 0; slot < share.count && !status; slot++) {
        work = work_of(pass, share.first + slot, slot, share.count);
        status = run_summed(pass, phase, &work);
    }
    return status;
}

int pass_step(const struct pass *pass) {
    const struct follower *follower = pass->follower;
    int status = 0;
    part_step(follower->part);
    for (int i = 0; i < follower->phases && !status; i++) {
        const struct phase *phase = &follower->phase[i];
        if (phase->enabled && (pass->train || !phase->backward)) status = run_phase(pass, phase);
    }
    return status;
}

int pass_unit(const struct pass *pass, int microbatch) {
    const struct follower *follower = pass->follower;
    const struct work work = work_of(pass, microbatch, 0, 1);
    int status = 0;
    for (int i = 0; i < follower->phases && !status; i++) {
        const struct phase *phase = &follower->phase[i];
        if (phase->enabled && !phase->backward) status = run_one(pass, phase, &work, true);
    }
    return status;
}

// ---- the ends

int follower_dump(struct follower *follower) {
    struct tensor outputs[DUMP_OUTPUTS];
    int count = follower->outputs ? follower->outputs(follower->context, outputs) : 0;
    return dump_write_part(follower->part, follower->rank, outputs, count, follower->control.edge);
}

int follower_ended(const struct follower *follower, int64_t step) {
    return error(EXIT_DATA, "%s ends at step %" PRId64, edge_name(follower->ended), step);
}
