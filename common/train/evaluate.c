// coca-loss --evaluate: the step protocol without gradients, in batches of G until the data ends.
#include <jansson.h>
#include <math.h>

#include "run/results.h"
#include "run/run_options.h"
#include "stage/progress.h"
#include "stage/stage.h"
#include "train/captions.h"
#include "train/gather.h"
#include "train/orders.h"
#include "train/temperature.h"

struct evaluation {
    struct conductor *conductor;
    struct gather *gather; // NULL without the contrastive loss
    int signal;
    int64_t samples, targets;
    double contrastive, nll; // Σ loss·samples, Σ −log p
};

static int on_signal(void *context, int signal) {
    ((struct evaluation *)context)->signal = signal;
    return 0;
}

// The contrastive loss of `samples` gathered rows, times their number. The last batch may be short.
static double contrast(const struct evaluation *evaluation, int64_t samples) {
    const struct part *part = evaluation->conductor->part;
    const struct gather *gather = evaluation->gather;
    struct contrastive *batch = samples == gather->G
                                    ? gather->contrastive
                                    : contrastive_new(part->ops, CONTRASTIVE_SOFTMAX, samples, gather->E);
    struct contrastive_result result =
        contrastive_run(batch, gather->image, gather->text, (struct contrastive_scalars){temperature_read(part), 0}, 1,
                        (enum contrastive_convention)run_options.contrastive, NULL, NULL);
    if (batch != gather->contrastive) contrastive_free(&batch);
    return result.loss * (double)samples;
}

static int batch(struct evaluation *evaluation, const struct step_order *order, int64_t *samples) {
    struct conductor *conductor = evaluation->conductor;
    struct captions captions = {0};
    int status = orders_begin(conductor, order);
    if (!status && run_options.caption_weight > 0) status = captions_take(&captions, conductor->control, order);
    *samples = captions.samples;
    if (!status && evaluation->gather) status = gather_take(evaluation->gather, conductor->embeddings, order, samples);
    if (status) return status;
    if (evaluation->gather && *samples) evaluation->contrastive += contrast(evaluation, *samples);
    evaluation->nll += captions.nll;
    evaluation->targets += captions.targets;
    evaluation->samples += *samples;
    return orders_stop_asked(conductor, &evaluation->signal);
}

// What guessing loses: the logarithm of how many there are to choose from.
static json_t *chance(const struct evaluation *e) {
    json_t *object = json_object();
    double contrastive = e->gather
                             ? contrastive_chance(CONTRASTIVE_SOFTMAX,
                                                  (enum contrastive_convention)run_options.contrastive, e->gather->G)
                             : 0;
    if (e->gather) json_object_set_new(object, "contrastive_loss", json_real(contrastive));
    if (e->targets)
        json_object_set_new(object, "caption_loss", json_real(log(e->conductor->part->config.text.vocab_size)));
    return object;
}

static json_t *metrics(const struct evaluation *e) {
    double contrastive = e->contrastive / (double)e->samples, caption = e->nll / (double)e->targets, loss = 0;
    json_t *object = json_pack("{s:I, s:I}", "samples", (json_int_t)e->samples, "targets", (json_int_t)e->targets);
    if (e->gather) {
        loss += run_options.contrastive_weight * contrastive;
        json_object_set_new(object, "contrastive_loss", json_real(contrastive));
    }
    if (e->targets) {
        loss += run_options.caption_weight * caption;
        json_object_set_new(object, "caption_loss", json_real(caption));
    }
    json_object_set_new(object, "loss", json_real(loss)); // left out when it is not finite
    return object;
}

static int run_batches(struct evaluation *evaluation) {
    struct step_order order = {.batch = run_options.batch_size, .microbatches = run_microbatches(), .evaluate = true};
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

int conductor_evaluate(struct conductor *conductor) {
    struct evaluation evaluation = {.conductor = conductor};
    if (conductor->embeddings)
        evaluation.gather =
            gather_new(conductor->part->ops, run_options.batch_size, conductor->part->config.embed_dim, false);
    stage_signal_policy(STAGE_REQUEST, on_signal, &evaluation);
    int status = run_batches(&evaluation);
    if (!status && evaluation.signal)
        stage_exit_signal(evaluation.signal);
    else if (!status && !evaluation.samples)
        status = error(EXIT_DATA, "--evaluate: the data held no sample");
    else if (!status)
        status = results_say("losses", metrics(&evaluation), chance(&evaluation));
    gather_free(&evaluation.gather);
    return status ? status : edge_end(conductor->control);
}
