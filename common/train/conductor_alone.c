// Loss alone: the contrastive loss of embeddings that a run recorded, step by step.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "run/run_options.h"
#include "train/conductor.h"
#include "train/gather.h"
#include "train/temperature.h"

static void print(const struct part *part, const struct step_order *order, double loss) {
    printf("{\"step\": %" PRId64 ", \"samples\": %" PRId64 ", \"contrastive_loss\": %.17g, \"logit_scale\": %.17g}\n",
           order->step, order->first + order->batch, loss, exp(temperature_read(part)));
}

// 0, HUB_END or -exit_code.
static int step(const struct conductor *conductor, struct gather *gather, const struct step_order *order) {
    int64_t samples;
    int status = gather_take(gather, conductor->embeddings, order, &samples);
    if (status) return status;
    if (samples < order->batch)
        return error(EXIT_DATA, "step %" PRId64 " has %" PRId64 " samples and --batch-size is %" PRId64, order->step,
                     samples, order->batch);
    struct contrastive_result result =
        contrastive_run(gather->contrastive, gather->image, gather->text,
                        (struct contrastive_scalars){temperature_read(conductor->part), 0}, 1,
                        (enum contrastive_convention)run_options.contrastive, NULL, NULL);
    print(conductor->part, order, result.loss);
    return 0;
}

int conductor_alone(struct conductor *conductor) {
    const struct part *part = conductor->part;
    struct gather *gather = gather_new(part->ops, run_options.batch_size, part->config.embed_dim, false);
    struct step_order order = {
        .step = run_options.first_step, .batch = run_options.batch_size, .microbatches = run_microbatches()};
    int status = 0;
    while (!status && (!run_options.steps || order.step < run_options.steps)) {
        order.first = order.step * order.batch;
        status = step(conductor, gather, &order);
        order.step++;
    }
    gather_free(&gather);
    if (status == HUB_END && run_options.steps)
        return error(EXIT_DATA, "%s ends at step %" PRId64, edge_name(conductor->embeddings), order.step - 1);
    return status == HUB_END ? 0 : status;
}
