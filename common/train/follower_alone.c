// Alone: forward over the input's microbatches, or whole steps when gradients arrive. A recording is read as it comes;
// of workers are asked the steps --first-step up to --steps, or without --steps the microbatches (0, m) until their
// data end.
#include <inttypes.h>
#include <math.h>

#include "optim/tuning.h"
#include "train/follower_step.h"

static const struct run_options *options_of(const struct follower *follower) {
    return &follower->part->run->options;
}

static bool beyond(const struct follower *follower, int64_t step) {
    const int64_t steps = options_of(follower)->steps;
    return steps && step >= steps;
}

static int forward_unit(struct follower *follower, struct message **input) {
    const struct unit unit = (*input)->unit;
    struct follower_step step = {.follower = follower,
                                 .order = {.step = unit.step,
                                           .first = unit.first,
                                           .batch = unit.samples,
                                           .microbatches = (*input)->microbatches},
                                 .first = input};
    return unit.step < options_of(follower)->first_step ? 0 : follower_unit(&step, unit.microbatch);
}

// The unit that is asked for next.
struct request {
    struct prefetch prefetch;
    struct step_order order;
    int microbatch;
};

static void request_begin(struct request *request, struct follower *follower) {
    const struct run_options *o = options_of(follower);
    int M = o->steps ? run_microbatches(follower->part->run) : INT32_MAX;
    int64_t batch = M * o->microbatch;
    int64_t step = o->steps ? o->first_step : 0;
    *request = (struct request){
        .order = {.step = step, .first = step * batch, .batch = batch, .microbatches = M, .steps = o->steps}};
    prefetch_begin(&request->prefetch, follower->phase->take[0], follower->ahead, 0, 1);
}

static int request_take(struct request *request, struct follower *follower, struct message **input) {
    struct step_order *order = &request->order;
    struct hub *hub = follower->hub;
    if (beyond(follower, order->step)) return HUB_END;
    prefetch_reach(&request->prefetch, order, request->microbatch);
    int status = hub_take(hub, request->prefetch.edge, MESSAGE_DATA, NULL, order->step, request->microbatch, input);
    if (!status && order->steps) (*input)->microbatches = order->microbatches; // workers do not know M
    if (++request->microbatch < order->microbatches) return status;
    request->microbatch = 0;
    order->step++;
    order->first += order->batch;
    return status;
}

static int take_input(struct follower *follower, struct request *request, struct message **input) {
    struct edge *edge = follower->phase->take[0];
    if (!edge_is_recording(edge)) return request_take(request, follower, input);
    return hub_take(follower->hub, edge, MESSAGE_DATA, NULL, -1, -1, input);
}

static int forward_all(struct follower *follower) {
    struct message *input;
    struct request request;
    int64_t next = options_of(follower)->first_step;
    int status;
    request_begin(&request, follower);
    while (!(status = take_input(follower, &request, &input))) {
        bool enough = beyond(follower, input->unit.step);
        next = input->unit.step + 1;
        if (!enough) status = forward_unit(follower, &input);
        message_free(&input);
        if (status || enough) break;
    }
    if (status == HUB_END && options_of(follower)->steps && !beyond(follower, next))
        return follower_ended(follower, next);
    return status;
}

static int whole_step(struct follower *follower, struct prefetch *prefetch, int64_t number) {
    const struct run_options *o = options_of(follower);
    struct follower_step step = {.follower = follower,
                                 .prefetch = edge_is_recording(prefetch->edge) ? NULL : prefetch,
                                 .train = true,
                                 .order = {.step = number,
                                           .first = number * o->batch_size,
                                           .batch = o->batch_size,
                                           .microbatches = run_microbatches(follower->part->run),
                                           .steps = o->steps,
                                           .dump = o->dump && o->dump_step == number}};
    params_zero_gradient(follower->part->params);
    int status = follower_phases(&step);
    if (status) return status;
    tuning_clear_locked(follower->part->params);
    note("step %" PRId64 ": gradient norm %.9g", number, sqrt(part_gradient_squares(follower->part)));
    return step.order.dump ? follower_dump(follower) : 0;
}

static int step_all(struct follower *follower) {
    int status = 0;
    int64_t step = options_of(follower)->first_step;
    struct prefetch prefetch;
    prefetch_begin(&prefetch, follower->phase->take[0], follower->ahead, 0, 1);
    for (; !beyond(follower, step) && !status; step++) status = whole_step(follower, &prefetch, step);
    // The step that met the end was counted too.
    return status == HUB_END && options_of(follower)->steps ? follower_ended(follower, step - 1) : status;
}

int follower_alone(struct follower *follower) {
    return follower->part->params->gradient ? step_all(follower) : forward_all(follower);
}
