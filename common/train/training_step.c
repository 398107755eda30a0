// One step as loss conducts it: order, losses, norms, then what becomes of the gradients, and what is left behind. The
// order of these is the protocol's (design section 4): a follower waits at each of them for loss, so a step is one pass
// through training_step from top to bottom.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "train/scalars.h"
#include "train/training.h"

// One step while it is conducted.
struct step {
    struct training *training;
    struct step_order order;
    struct scale_order scale;
    struct reports reports;
    struct metrics metrics;
    double squares;        // Σ g² of the followers
    char bad[TENSOR_NAME]; // the first tensor that is not finite, or ""
};

static const struct run_options *options_of(const struct step *step) {
    return &step->training->conductor->part->run->options;
}

static int begin(struct step *step) {
    struct training *t = step->training;
    const struct run_options *o = options_of(step);
    struct contrastive_scalars scalars = scalars_read(t->conductor->part);
    step->order = (struct step_order){.step = t->step,
                                      .first = t->samples,
                                      .batch = o->batch_size,
                                      .microbatches = run_microbatches(t->conductor->part->run),
                                      .steps = t->schedule.steps,
                                      .lr = schedule_rate(&t->schedule, t->step, training_elapsed(t)),
                                      .dump = o->dump && o->dump_step == t->step};
    step->metrics = (struct metrics){.step = t->step,
                                     .samples = t->samples + o->batch_size,
                                     .contrastive_loss = NAN,
                                     .logit_scale = exp(scalars.logit_scale),
                                     .biased = t->conductor->part->config.logit_bias,
                                     .logit_bias = scalars.logit_bias,
                                     .lr = step->order.lr};
    params_zero_gradient(t->conductor->part->params);
    return orders_begin(t->conductor, &step->order);
}

static int contrast(struct step *step) {
    struct training *t = step->training;
    struct gather *gather = t->gather;
    double weight = options_of(step)->contrastive_weight;
    int64_t samples;
    int status = gather_take(gather, t->conductor, &step->order, &samples);
    if (status) return status;
    struct contrastive_result result = gather_contrast(gather, t->conductor->part, samples, weight);
    step->metrics.contrastive_loss = result.loss;
    step->metrics.loss += weight * result.loss;
    scalars_set_gradient(t->conductor->part, &result);
    return gather_return(gather, t->conductor, &step->order);
}

// What the stages report goes into the metrics as it is, and weighted into the loss.
static int take_reports(struct step *step) {
    struct reports *reports = &step->reports;
    reports_begin(reports, step->training->conductor);
    int status = reports_take(reports, step->training->conductor, &step->order);
    for (int i = 0; i < reports->count; i++)
        step->metrics.reported[i] = (struct metrics_loss){reports->loss[i].of->name, reports->loss[i].of->count,
                                                          reports_mean(reports, i), reports->loss[i].count};
    step->metrics.reported_count = reports->count;
    step->metrics.loss += reports_total(reports);
    return status;
}

static int take_norm(struct step *step, struct address from) {
    struct norm_report report;
    struct message *message;
    int status = orders_hear(step->training->conductor, from, WORD_NORM, step->order.step, 0, &message);
    if (status) return status;
    status = norm_unpack(message, &report);
    if (!status) status = drops_add(step->training->drops, message, step->order.step);
    message_free(&message);
    if (!step->bad[0]) memcpy(step->bad, report.bad, sizeof step->bad);
    step->squares += report.squares;
    return status;
}

static bool is_last(const struct training *t) {
    return t->signal || training_is_over(t, t->step + 1);
}

static bool is_due(int64_t steps, int64_t frequency) {
    return frequency && steps % frequency == 0;
}

// The disk's will do where both are due. The last step always is one there.
static enum checkpoint_place place_due(const struct run_options *o, int64_t steps, bool last) {
    if (last || is_due(steps, o->save_frequency) || is_due(steps, o->val_frequency)) return CHECKPOINT_DISK;
    return is_due(steps, o->checkpoint_memory) ? CHECKPOINT_MEMORY : CHECKPOINT_NONE;
}

// What becomes of the gradients, and whether the run goes on.
static void judge(struct step *step) {
    struct training *t = step->training;
    double squares = step->squares + part_gradient_squares(t->conductor->part), norm = sqrt(squares);
    double limit = options_of(step)->clip_norm;
    step->metrics.grad_norm = norm;
    step->scale = (struct scale_order){.clip = limit > 0 ? fmin(1, limit / (norm + 1e-6)) : 1,
                                       .norm = norm,
                                       .skip = !isfinite(squares) || !isfinite(step->metrics.loss),
                                       .last = is_last(t)};
    step->scale.checkpoint = place_due(options_of(step), t->step + 1, step->scale.last);
    step->metrics.skipped = step->scale.skip;
}

static int count_skipped(struct step *step) {
    struct training *t = step->training;
    if (!step->scale.skip) {
        t->skipped = 0;
        return 0;
    }
    char *losses = metrics_losses(&step->metrics);
    warn("step %" PRId64 " is skipped: %s is not finite (%s)", step->order.step, step->bad[0] ? step->bad : "the loss",
         losses);
    free(losses);
    if (++t->skipped < options_of(step)->max_skipped) return 0;
    return error(EXIT_RUN,
                 "%d steps in a row were not finite (--max-skipped): lower --lr, clip by --grad-clip-norm, or "
                 "look at the data",
                 t->skipped);
}

static void show(const struct step *step) {
    const struct training *t = step->training;
    const struct metrics *m = &step->metrics;
    char *losses = metrics_losses(m), *detail = xformat("step %" PRId64 ", loss %.4f (%s), %.0f samples/s", m->step,
                                                        m->loss, losses, m->samples_per_second);
    progress_set(t->progress, training_done(t), detail);
    free(detail);
    free(losses);
}

static int report(struct step *step) {
    struct training *t = step->training;
    double now = clock_seconds();
    step->metrics.samples_per_second = (double)step->order.batch / fmax(now - t->step_begun, 1e-9);
    t->step_begun = now;
    show(step);
    return metrics_append("metrics.jsonl", &step->metrics);
}

static int run_losses(struct step *step) {
    const struct topology *topology = step->training->conductor->topology;
    int status = step->training->gather ? contrast(step) : 0;
    if (!status) status = take_reports(step);
    for (int i = 0; i < topology->followers && !status; i++) status = take_norm(step, topology->follower[i]);
    return status;
}

static int decide(struct step *step) {
    struct training *t = step->training;
    int status = orders_stop_asked(t->conductor, &t->signal);
    judge(step);
    if (!status) status = orders_scale(t->conductor, &step->scale, step->order.step);
    if (!status && !step->scale.skip) scalars_step(t->conductor->part, step->order.lr, step->scale.clip);
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
    if (!status && step.order.dump) status = training_join_dump(training, &step.metrics);
    if (!status) status = count_skipped(&step);
    if (!status) status = drops_check(training->drops, training->samples_here, options_of(&step)->max_drop_rate);
    *last = step.scale.last;
    return status;
}
