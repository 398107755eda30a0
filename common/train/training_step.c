#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "run/checkpoint.h"
#include "run/run_options.h"
#include "train/dump.h"
#include "train/temperature.h"
#include "train/training.h"

// One step while it is conducted.
struct step {
    struct training *training;
    struct step_order order;
    struct scale_order scale;
    struct metrics metrics;
    double squares;        // Σ g² of the followers
    char bad[TENSOR_NAME]; // the first tensor that is not finite, or ""
};

double training_elapsed(const struct training *training) {
    return training->elapsed_before + clock_seconds() - training->begun;
}

int64_t training_done(const struct training *t) {
    return t->schedule.steps ? t->step : (int64_t)training_elapsed(t);
}

static int begin(struct step *step) {
    struct training *t = step->training;
    step->order = (struct step_order){.step = t->step,
                                      .first = t->samples,
                                      .batch = run_options.batch_size,
                                      .microbatches = run_microbatches(),
                                      .steps = t->schedule.steps,
                                      .lr = schedule_rate(&t->schedule, t->step, training_elapsed(t)),
                                      .dump = run_options.dump && run_options.dump_step == t->step};
    step->metrics = (struct metrics){.step = t->step,
                                     .samples = t->samples + run_options.batch_size,
                                     .contrastive_loss = NAN,
                                     .caption_loss = NAN,
                                     .logit_scale = exp(temperature_read(t->conductor->part)),
                                     .lr = step->order.lr};
    params_zero_gradient(t->conductor->part->params);
    return orders_begin(t->conductor, &step->order);
}

static int contrast(struct step *step) {
    struct training *t = step->training;
    struct gather *gather = t->gather;
    int64_t samples;
    int status = gather_take(gather, t->conductor->embeddings, &step->order, &samples);
    if (status) return status;
    struct contrastive_result result = contrastive_run(
        gather->contrastive, gather->image, gather->text,
        (struct contrastive_scalars){temperature_read(t->conductor->part), 0}, run_options.contrastive_weight,
        (enum contrastive_convention)run_options.contrastive, gather->d_image, gather->d_text);
    step->metrics.contrastive_loss = result.loss;
    step->metrics.loss += run_options.contrastive_weight * result.loss;
    temperature_set_gradient(t->conductor->part, result.d_logit_scale);
    return gather_return(gather, t->conductor->embeddings_grad, &step->order);
}

static int caption(struct step *step) {
    struct conductor *conductor = step->training->conductor;
    struct captions captions;
    int status = captions_take(&captions, conductor->control, &step->order);
    if (status) return status;
    step->metrics.targets = captions.targets;
    step->metrics.caption_loss = captions.targets ? captions.nll / (double)captions.targets : 0;
    step->metrics.loss += run_options.caption_weight * step->metrics.caption_loss;
    return 0;
}

static int take_norm(struct step *step, const char *role) {
    const struct wanted norm = wanted_word(WORD_NORM, (struct address){role, 0}, step->order.step, 0);
    struct norm_report report;
    struct message *message;
    int status = edge_take(step->training->conductor->control, norm, &message);
    if (status) return status;
    status = norm_unpack(message, &report);
    if (!status) status = drops_add(step->training->drops, message, step->order.step);
    message_free(&message);
    if (!step->bad[0]) memcpy(step->bad, report.bad, sizeof step->bad);
    step->squares += report.squares;
    return status;
}

static bool is_last(const struct training *t) {
    if (t->signal) return true;
    return t->schedule.steps ? t->step + 1 >= t->schedule.steps : training_elapsed(t) >= t->schedule.seconds;
}

static bool is_due(int64_t steps, int64_t frequency) {
    return frequency && steps % frequency == 0;
}

// What becomes of the gradients, and whether the run goes on.
static void judge(struct step *step) {
    struct training *t = step->training;
    double squares = step->squares + part_gradient_squares(t->conductor->part), norm = sqrt(squares);
    double limit = run_options.clip_norm;
    step->metrics.grad_norm = norm;
    step->scale = (struct scale_order){.clip = limit > 0 ? fmin(1, limit / (norm + 1e-6)) : 1,
                                       .norm = norm,
                                       .skip = !isfinite(squares) || !isfinite(step->metrics.loss),
                                       .last = is_last(t)};
    step->scale.checkpoint = step->scale.last || is_due(t->step + 1, run_options.save_frequency) ||
                             is_due(t->step + 1, run_options.val_frequency);
    step->metrics.skipped = step->scale.skip;
}

static int send_scale(const struct step *step) {
    int status = 0;
    for (int i = 0; i < 2 && !status; i++) {
        struct message *message = scale_pack(&step->scale, step->order.step);
        status = edge_send(step->training->conductor->control, (struct address){follower_roles[i], 0}, &message);
    }
    return status;
}

static int count_skipped(struct step *step) {
    struct training *t = step->training;
    if (!step->scale.skip) {
        t->skipped = 0;
        return 0;
    }
    warn("step %" PRId64 " is skipped: %s is not finite (contrastive loss %g, caption loss %g)", step->order.step,
         step->bad[0] ? step->bad : "the loss", step->metrics.contrastive_loss, step->metrics.caption_loss);
    if (++t->skipped < run_options.max_skipped) return 0;
    return error(EXIT_RUN,
                 "%d steps in a row were not finite (--max-skipped): lower --lr, clip by --grad-clip-norm, or "
                 "look at the data",
                 t->skipped);
}

static void show(const struct step *step) {
    const struct training *t = step->training;
    const struct metrics *m = &step->metrics;
    char *detail = xformat("step %" PRId64 ", loss %.4f (contrastive %.4f, caption %.4f), %.0f samples/s", m->step,
                           m->loss, m->contrastive_loss, m->caption_loss, m->samples_per_second);
    progress_set(t->progress, training_done(t), detail);
    free(detail);
}

static int report(struct step *step) {
    struct training *t = step->training;
    double now = clock_seconds();
    step->metrics.samples_per_second = (double)step->order.batch / fmax(now - t->step_begun, 1e-9);
    t->step_begun = now;
    show(step);
    return metrics_append("metrics.jsonl", &step->metrics);
}

static int join_dump(const struct step *step) {
    char *losses = metrics_format(&step->metrics);
    int status = dump_join(losses);
    free(losses);
    return status;
}

static int run_losses(struct step *step) {
    int status = step->training->gather ? contrast(step) : 0;
    if (!status && run_options.caption_weight > 0) status = caption(step);
    for (int i = 0; i < 2 && !status; i++) status = take_norm(step, follower_roles[i]);
    return status;
}

static int decide(struct step *step) {
    struct training *t = step->training;
    int status = orders_stop_asked(t->conductor, &t->signal);
    judge(step);
    if (!status) status = send_scale(step);
    if (!status && !step->scale.skip) temperature_step(t->conductor->part, step->order.lr, step->scale.clip);
    return status;
}

int training_step(struct training *training, bool *last) {
    struct step step = {.training = training};
    int status = begin(&step);
    if (!status) status = run_losses(&step);
    // Before the update, while the gradient is that of this step and the batch is still gathered.
    if (!status && step.order.dump) status = training_dump(training);
    if (!status) status = decide(&step);
    training->step++;
    training->samples += step.order.batch;
    training->samples_here += step.order.batch;
    // Before the checkpoint: on resume the metrics are cut back to it, what they lack cannot be made up.
    if (!status) status = report(&step);
    if (!status) status = training_keep(training, &step.order, &step.scale);
    if (!status && step.order.dump) status = join_dump(&step);
    if (!status) status = count_skipped(&step);
    if (!status) status = drops_check(training->drops, training->samples_here, run_options.max_drop_rate);
    *last = step.scale.last;
    return status;
}
