// Under a conductor: step … norm, scale, done (design section 4).
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "optim/tuning.h"
#include "run/checkpoint.h"
#include "stage/stage.h"
#include "train/follower_step.h"

static int pass_signal(void *context, int signal) {
    struct follower *follower = context;
    struct message *stop = stop_pack(signal);
    return edge_send(follower->control, NULL, &stop);
}

// The stage's memory is laid out for the batch that its own options say.
static int check_order(const struct run *run, const struct step_order *order) {
    if (order->microbatches == run_microbatches(run) && order->batch == run->options.batch_size) return 0;
    return error(EXIT_USAGE,
                 ROLE_LOSS " conducts batches of %" PRId64 " in %d microbatches, this stage has %" PRId64
                           " in %d: give all stages the same --batch-size and --microbatch",
                 order->batch, order->microbatches, run->options.batch_size, run_microbatches(run));
}

static int take_order(struct follower *follower, struct step_order *order) {
    struct message *message;
    int status = hub_take(follower->hub, follower->control, MESSAGE_STEP, NULL, -1, 0, &message);
    if (status) return status;
    status = step_unpack(message, order);
    message_free(&message);
    return status ? status : check_order(follower->part->run, order);
}

static int send_norm(const struct follower_step *step) {
    struct follower *follower = step->follower;
    struct norm_report report = {.squares = part_gradient_squares(follower->part)};
    if (!isfinite(report.squares)) strcpy(report.bad, part_bad_gradient(follower->part));
    struct message *message = norm_pack(&report, step->order.step, step->drops);
    return edge_send(follower->control, NULL, &message);
}

static int take_scale(const struct follower_step *step, struct scale_order *scale) {
    struct message *message;
    struct follower *follower = step->follower;
    int status = hub_take(follower->hub, follower->control, MESSAGE_SCALE, NULL, step->order.step, 0, &message);
    if (status == HUB_END) return error(EXIT_PEER, ROLE_LOSS " ended within step %" PRId64, step->order.step);
    if (status) return status;
    status = scale_unpack(message, scale);
    message_free(&message);
    return status;
}

static int write_checkpoint(const struct follower_step *step, struct written *written) {
    char *directory = checkpoint_aside(step->order.step + 1);
    int status = directory_make(directory);
    if (!status) status = part_write(step->follower->part, directory, written);
    free(directory);
    return status;
}

static int finish(const struct follower_step *step, const struct scale_order *scale) {
    struct follower *follower = step->follower;
    struct written written = {0};
    if (!scale->skip) optimizer_step(follower->part->optimizer, step->order.lr, scale->clip);
    int status = scale->checkpoint ? write_checkpoint(step, &written) : 0;
    if (status || !(scale->last || scale->checkpoint || step->order.dump)) return status;
    struct message *done = done_pack(&written, step->order.step);
    return edge_send(follower->control, NULL, &done);
}

static int train_step(const struct follower_step *step) {
    struct scale_order scale;
    params_zero_gradient(step->follower->part->params);
    int status = follower_phases(step);
    tuning_clear_locked(step->follower->part->params);
    if (status == HUB_END) status = follower_ended(step->follower, step->order.step);
    if (!status && step->order.dump) status = follower_dump(step->follower);
    if (!status) status = send_norm(step);
    if (!status) status = take_scale(step, &scale);
    return status ? status : finish(step, &scale);
}

int follower_conducted(struct follower *follower) {
    struct prefetch prefetch;
    struct strings drops = {0};
    struct edge *pulled = follower->phase->take[0];
    struct follower_step step = {.follower = follower, .drops = &drops};
    int status;
    prefetch_begin(&prefetch, pulled, follower->ahead, follower->rank, follower->ranks);
    if (!edge_is_recording(pulled)) step.prefetch = &prefetch;
    stage_signal_policy(STAGE_REQUEST, pass_signal, follower);
    while (!(status = take_order(follower, &step.order))) {
        step.train = !step.order.evaluate;
        step.open_end = step.order.evaluate;
        if (step.train && !follower->part->optimizer)
            status = error(EXIT_USAGE, "started with --evaluate, but " ROLE_LOSS " conducts training");
        else
            status = step.train ? train_step(&step) : follower_phases(&step);
        if (status) break;
        strings_clear(&drops);
    }
    strings_release(&drops);
    return status == HUB_END ? 0 : status;
}
