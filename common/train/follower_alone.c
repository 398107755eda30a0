// Alone with recordings: forward over the input's microbatches as they come, or whole steps when gradients arrive.
#include <inttypes.h>
#include <math.h>

#include "train/follower_step.h"
#include "train/run_options.h"

static bool beyond(int64_t step) {
    return run_options.steps && step >= run_options.steps;
}

static int forward_unit(struct follower *follower, struct message **input) {
    const struct unit unit = (*input)->unit;
    struct follower_step step = {
        .follower = follower,
        .order = {.step = unit.step,
                  .first = unit.first,
                  .batch = unit.samples,
                  .microbatches = (*input)->microbatches},
        .first = input
    };
    return unit.step < run_options.first_step ? 0 : follower_unit(&step, unit.microbatch);
}

static int forward_all(struct follower *follower) {
    struct message *input;
    int64_t next = run_options.first_step;
    int status;
    while (!(status = hub_take(follower->hub, follower->phase->take[0], MESSAGE_DATA, NULL, -1, -1, &input))) {
        bool enough = beyond(input->unit.step);
        next = input->unit.step + 1;
        if (!enough) status = forward_unit(follower, &input);
        message_free(&input);
        if (status || enough) break;
    }
    if (status == HUB_END && run_options.steps && !beyond(next)) return follower_ended(follower, next);
    return status;
}

static int whole_step(struct follower *follower, int64_t number) {
    struct follower_step step = {
        .follower = follower,
        .train = true,
        .order = {.step = number,
                  .first = number * run_options.batch_size,
                  .batch = run_options.batch_size,
                  .microbatches = run_microbatches(),
                  .dump = run_options.dump && run_options.dump_step == number}
    };
    params_zero_gradient(follower->part->params);
    int status = follower_phases(&step);
    if (status) return status;
    note("step %" PRId64 ": gradient norm %.9g", number, sqrt(part_gradient_squares(follower->part)));
    return step.order.dump ? follower_dump(follower) : 0;
}

static int step_all(struct follower *follower) {
    int status = 0;
    int64_t step = run_options.first_step;
    for (; !beyond(step) && !status; step++) status = whole_step(follower, step);
    // The step that met the end was counted too.
    return status == HUB_END && run_options.steps ? follower_ended(follower, step - 1) : status;
}

int follower_alone(struct follower *follower) {
    return follower->part->params->gradient ? step_all(follower) : forward_all(follower);
}
