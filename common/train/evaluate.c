// coca-loss --evaluate: the step protocol without gradients, in batches of G until the data end. Followers answer what
// lies beyond the end with empty microbatches, so that the last batch may be short, and loss alone decides when it was
// the last.
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "stage/progress.h"
#include "stage/stage.h"
#include "train/gather.h"
#include "train/orders.h"
#include "train/reports.h"

struct evaluation {
    struct conductor *conductor;
    struct gather *gather; // NULL without the contrastive loss
    int signal;
    int64_t samples;
    double contrastive;    // Σ loss·samples
    struct reports totals; // sums and counts over all batches
};

static const struct run_options *options_of(const struct evaluation *evaluation) {
    return &evaluation->conductor->part->run->options;
}

static int on_signal(void *context, int signal) {
    ((struct evaluation *)context)->signal = signal;
    return 0;
}

// The contrastive loss of `samples` gathered rows, times their number.
static double contrast(const struct evaluation *evaluation, int64_t samples) {
    return gather_contrast(evaluation->gather, evaluation->conductor->part, samples, 1).loss * (double)samples;
}

static void add(struct reports *totals, const struct reports *reports) {
    for (int i = 0; i < totals->count; i++) {
        totals->loss[i].sum += reports->loss[i].sum;
        totals->loss[i].count += reports->loss[i].count;
    }
}

// *samples: of the batch, as reports and embeddings agree.
static int batch(struct evaluation *evaluation, const struct step_order *order, int64_t *samples) {
    struct conductor *conductor = evaluation->conductor;
    struct reports reports;
    reports_begin(&reports, conductor);
    int status = orders_begin(conductor, order);
    if (!status) status = reports_take(&reports, conductor, order);
    *samples = reports.samples;
    if (!status && evaluation->gather) status = gather_take(evaluation->gather, conductor, order, samples);
    if (!status && reports.reported && *samples != reports.samples)
        status =
            error(EXIT_RUN, "step %" PRId64 ": losses are reported of %" PRId64 " samples, embeddings came of %" PRId64,
                  order->step, reports.samples, *samples);
    if (status) return status;
    if (evaluation->gather && *samples) evaluation->contrastive += contrast(evaluation, *samples);
    add(&evaluation->totals, &reports);
    evaluation->samples += *samples;
    if (!isfinite(evaluation->contrastive) || !isfinite(reports_total(&evaluation->totals)))
        return error(EXIT_DATA, "batch %" PRId64 " has a loss that is not finite (contrastive %g, all others %g)",
                     order->step, evaluation->contrastive, reports_total(&evaluation->totals));
    return orders_stop_asked(conductor, &evaluation->signal);
}

// ---- what is said

static void set_loss(json_t *object, const char *name, double loss) {
    char *key = xformat("%s_loss", name);
    json_object_set_new(object, key, json_real(loss)); // left out when it is not finite
    free(key);
}

static void set_reported(json_t *object, const struct stage_loss *of, double loss) {
    set_loss(object, of->name, loss);
    if (!of->of_tokens) return;
    char *key = xformat("%s_perplexity", of->name);
    json_object_set_new(object, key, json_real(exp(loss)));
    free(key);
}

// What guessing loses.
static json_t *chance(const struct evaluation *e) {
    json_t *object = json_object();
    if (e->gather) set_loss(object, "contrastive", gather_chance(e->gather, e->conductor->part));
    for (int i = 0; i < e->totals.count; i++)
        if (e->totals.loss[i].count && e->totals.loss[i].of->chance)
            set_reported(object, e->totals.loss[i].of, e->totals.loss[i].of->chance(&e->conductor->part->config));
    return object;
}

static json_t *metrics(const struct evaluation *e) {
    const struct reports *totals = &e->totals;
    double contrastive = e->contrastive / (double)e->samples, loss = 0;
    json_t *object = json_pack("{s:I}", "samples", (json_int_t)e->samples);
    for (int i = 0; i < totals->count; i++)
        if (totals->loss[i].of->count)
            json_object_set_new(object, totals->loss[i].of->count, json_integer(totals->loss[i].count));
    if (e->gather) {
        loss += options_of(e)->contrastive_weight * contrastive;
        set_loss(object, "contrastive", contrastive);
    }
    for (int i = 0; i < totals->count; i++)
        if (totals->loss[i].count) set_reported(object, totals->loss[i].of, reports_mean(totals, i));
    json_object_set_new(object, "loss", json_real(loss + reports_total(totals)));
    return object;
}

// ---- its life

static int run_batches(struct evaluation *evaluation) {
    const struct run *run = evaluation->conductor->part->run;
    struct step_order order = {
        .batch = run->options.batch_size, .microbatches = run_microbatches(run), .evaluate = true};
    struct progress *progress = progress_new("evaluate", 0, "samples");
    int64_t samples = order.batch;
    int status = 0;
    while (!status && samples == order.batch && !evaluation->signal) {
        order.first = order.step * order.batch;
        status = batch(evaluation, &order, &samples);
        progress_set(progress, evaluation->samples, NULL);
        order.step++;
    }
    progress_done(&progress);
    return status;
}

int conductor_evaluate(struct conductor *conductor, const struct results_options *results) {
    struct evaluation evaluation = {.conductor = conductor};
    if (conductor->embeddings) evaluation.gather = gather_new(conductor, false);
    reports_begin(&evaluation.totals, conductor);
    stage_signal_policy(STAGE_REQUEST, on_signal, &evaluation);
    int status = run_batches(&evaluation);
    if (!status && evaluation.signal)
        stage_exit_signal(evaluation.signal);
    else if (!status && !evaluation.samples)
        status = error(EXIT_DATA, "--evaluate: the data held no sample");
    else if (!status)
        status = results_say(conductor->part->run, results, "losses", metrics(&evaluation), chance(&evaluation));
    gather_free(&evaluation.gather);
    return status ? status : edge_end(conductor->control);
}
