// Alone: forward over the input's microbatches, or whole steps when gradients arrive. A recording is read as it comes;
// of workers are asked the steps --first-step up to --steps, or without --steps the microbatches (0, m) until their
// data end.
#include <inttypes.h>
#include <math.h>

#include "train/follower_pass.h"

static const struct run_options *options_of(const struct follower *follower) {
    return &follower->part->run->options;
}

static bool beyond(const struct follower *follower, int64_t step) {
    int64_t steps = options_of(follower)->steps;
    return steps && step >= steps;
}

// ---- forward

static int forward_unit(struct follower *follower, struct message **input) {
    const struct unit unit = (*input)->unit;
    struct pass pass = {.follower = follower,
                        .order = {.step = unit.step,
                                  .first = unit.first,
                                  .batch = unit.samples,
                                  .microbatches = (*input)->microbatches},
                        .first = input};
    return unit.step < options_of(follower)->first_step ? 0 : pass_unit(&pass, unit.microbatch);
}

// The order that units follow from. Without --steps it is one step of endless microbatches, as in every pass that ends
// with the data: INT32_MAX of B samples each, whose product still fits.
static struct step_order first_order(const struct follower *follower) {
    const struct run_options *o = options_of(follower);
    int M = o->steps ? run_microbatches(follower->part->run) : INT32_MAX;
    int64_t batch = M * o->microbatch, step = o->steps ? o->first_step : 0;
    return (struct step_order){
        .step = step, .first = step * batch, .batch = batch, .microbatches = M, .steps = o->steps};
}

// Of workers, which do not know it, or 0 where a step has as many microbatches as are recorded.
static int asked_microbatches(const struct follower *follower) {
    bool asked = !edge_is_recording(follower->pulled.edge);
    return asked && options_of(follower)->steps ? run_microbatches(follower->part->run) : 0;
}

static int take_input(struct follower *follower, struct message **input) {
    int status = ahead_take(&follower->pulled, input), M = asked_microbatches(follower);
    if (status == HUB_END) follower->ended = follower->pulled.edge;
    if (!status && M) (*input)->microbatches = M;
    return status;
}

// The step that is due behind this unit.
static int64_t step_behind(const struct follower *follower, struct unit unit) {
    return unit.step + (unit.microbatch + 1 >= asked_microbatches(follower));
}

static int forward_all(struct follower *follower) {
    const struct step_order order = first_order(follower);
    struct message *input;
    int64_t due = options_of(follower)->first_step;
    int status;
    follower->pulled.as_recorded = true;
    own_units_reach(&follower->own, &order);
    while (!(status = take_input(follower, &input))) {
        const struct unit unit = input->unit;
        bool enough = beyond(follower, unit.step);
        if (!enough) status = forward_unit(follower, &input);
        message_free(&input);
        if (status || enough) break;
        due = step_behind(follower, unit);
    }
    bool cut = status == HUB_END && options_of(follower)->steps && !beyond(follower, due);
    return cut ? follower_ended(follower, due) : status;
}

// ---- whole steps

static int whole_step(struct follower *follower, int64_t number) {
    const struct run_options *o = options_of(follower);
    struct pass pass = {.follower = follower,
                        .train = true,
                        .order = {.step = number,
                                  .first = number * o->batch_size,
                                  .batch = o->batch_size,
                                  .microbatches = run_microbatches(follower->part->run),
                                  .steps = o->steps,
                                  .dump = o->dump && o->dump_step == number}};
    own_units_reach(&follower->own, &pass.order);
    gradients_begin(follower->gradients);
    int status = pass_step(&pass);
    if (!status) status = gradients_sum(follower->gradients, meanwhile_of(follower->hub));
    if (status) return status;
    note("step %" PRId64 ": gradient norm %.9g", number, sqrt(gradients_squares(follower->gradients)));
    return pass.order.dump ? follower_dump(follower) : 0;
}

static int step_all(struct follower *follower) {
    int status = 0;
    int64_t step = options_of(follower)->first_step;
    for (; !beyond(follower, step) && !status; step++) status = whole_step(follower, step);
    // The step that met the end was counted too.
    return status == HUB_END && options_of(follower)->steps ? follower_ended(follower, step - 1) : status;
}

int follower_alone(struct follower *follower) {
    bool forward = !follower->part->params->gradient && follower->pulled.edge;
    return forward ? forward_all(follower) : step_all(follower);
}
