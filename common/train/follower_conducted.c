// Under a conductor: step … norm, scale, done (design section 4). The passes over the step's microbatches lie between
// `step` and `norm`; their losses are reported by the phases themselves. `scale` comes always, so a follower that has
// sent its norm knows that every other follower's reading of this step is over (train/slots.h relies on it).
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage/stage.h"
#include "train/follower_pass.h"

static int tell(const struct follower *follower, struct message **message) {
    return channel_send(&follower->control, 0, 0, message);
}

static int take_word(const struct follower *follower, const char *word, int64_t step, int microbatch,
                     struct message **message) {
    return edge_take(follower->control.edge, wanted_word(word, ANYBODY, step, microbatch), message);
}

static int pass_signal(void *context, int signal) {
    struct message *stop = stop_pack(signal);
    return tell(context, &stop);
}

// The stage's memory is laid out for the batch that its own options say.
static int check_order(const struct follower *follower, const struct step_order *order) {
    const struct run *run = follower->part->run;
    if (order->microbatches == run_microbatches(run) && order->batch == run->options.batch_size) return 0;
    return error(EXIT_USAGE,
                 ROLE_LOSS " conducts batches of %" PRId64 " in %d microbatches, this stage has %" PRId64
                           " in %d: give all stages the same --batch-size and --microbatch",
                 order->batch, order->microbatches, run->options.batch_size, run_microbatches(run));
}

static int take_order(const struct follower *follower, struct step_order *order) {
    struct message *message;
    int status = take_word(follower, WORD_STEP, -1, 0, &message);
    if (status) return status;
    status = step_unpack(message, order);
    message_free(&message);
    return status ? status : check_order(follower, order);
}

// All ranks know the sums; the first one says them for the stage.
static int send_norm(const struct pass *pass) {
    const struct follower *follower = pass->follower;
    struct norm_report report = {.squares = 0};
    if (!follower->rank) report.squares = gradients_squares(follower->gradients);
    strcpy(report.bad, gradients_bad(follower->gradients));
    struct message *message = norm_pack(&report, pass->order.step, pass->drops);
    return tell(pass->follower, &message);
}

static int take_scale(const struct pass *pass, struct scale_order *scale) {
    struct message *message;
    int status = take_word(pass->follower, WORD_SCALE, pass->order.step, 0, &message);
    if (status == HUB_END) return error(EXIT_PEER, ROLE_LOSS " ended within step %" PRId64, pass->order.step);
    if (status) return status;
    status = scale_unpack(message, scale);
    message_free(&message);
    return status;
}

// Ranks that do not share the stage's tensors have all of them each, and the first one writes them.
static int write_checkpoint(const struct pass *pass, enum checkpoint_place place, struct written *written) {
    const struct follower *follower = pass->follower;
    if (follower->rank && !follower->part->ranks) return 0;
    char *directory = checkpoint_aside(checkpoint_folder(place), pass->order.step + 1);
    int status = part_write(follower->part, directory, written, meanwhile_of(follower->hub));
    free(directory);
    return status;
}

static int update(const struct pass *pass, const struct scale_order *scale) {
    const struct follower *follower = pass->follower;
    optimizer_step(follower->part->optimizer, pass->order.lr, scale->clip);
    return gradients_spread(follower->gradients, meanwhile_of(follower->hub));
}

// The update comes before the checkpoint, which counts this step, and both before `done`: loss commits when all have
// said it.
static int finish(const struct pass *pass, const struct scale_order *scale) {
    struct written written = {0};
    int status = scale->skip ? 0 : update(pass, scale);
    if (!status && scale->checkpoint) status = write_checkpoint(pass, scale->checkpoint, &written);
    if (status || !(scale->last || scale->checkpoint || pass->order.dump)) return status;
    struct message *done = done_pack(&written, pass->order.step);
    return tell(pass->follower, &done);
}

// Locked tensors' gradients are cleared before anybody sees them: in the dump, in the norm, in the update.
static int train_step(const struct pass *pass) {
    const struct follower *follower = pass->follower;
    struct scale_order scale;
    gradients_begin(follower->gradients);
    int status = pass_step(pass);
    if (!status) status = gradients_sum(follower->gradients, meanwhile_of(follower->hub));
    if (status == HUB_END) status = follower_ended(pass->follower, pass->order.step);
    if (!status && pass->order.dump) status = follower_dump(pass->follower);
    if (!status) status = send_norm(pass);
    if (!status) status = take_scale(pass, &scale);
    return status ? status : finish(pass, &scale);
}

static int run_order(struct pass *pass) {
    struct follower *follower = pass->follower;
    own_units_reach(&follower->own, &pass->order);
    pass->train = !pass->order.evaluate;
    pass->open_end = pass->order.evaluate;
    if (pass->train && !follower->part->optimizer)
        return error(EXIT_USAGE, "started with --evaluate, but " ROLE_LOSS " conducts training");
    return pass->train ? train_step(pass) : pass_step(pass);
}

enum { BLAME_LOOKS = 50, BLAME_PAUSE = 10000 }; // half a second; microseconds

// What a peer that died had in its memory cannot be opened any more. Its loss, which is noticed a moment later, is the
// reason then, and says that another start will do.
static int blame(const struct follower *follower, int status) {
    int found = 0;
    for (int i = 0; i < BLAME_LOOKS && !found; i++) {
        usleep(BLAME_PAUSE);
        found = hub_look(follower->hub);
    }
    return found == -EXIT_PEER ? found : status;
}

int follower_conducted(struct follower *follower) {
    struct strings drops = {0};
    struct pass pass = {.follower = follower, .drops = &drops};
    int status;
    stage_signal_policy(STAGE_REQUEST, pass_signal, follower);
    while (!(status = take_order(follower, &pass.order)) && !(status = run_order(&pass))) strings_clear(&drops);
    strings_release(&drops);
    return status == -EXIT_USAGE ? blame(follower, status) : status;
}
