// Loss alone: the contrastive loss of embeddings that a run recorded, step by step.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "train/conductor.h"
#include "train/gather.h"
#include "train/temperature.h"

static void print(const struct part *part, const struct step_order *order, double loss) {
    printf("{\"step\": %" PRId64 ", \"samples\": %" PRId64 ", \"contrastive_loss\": %.17g, \"logit_scale\": %.17g}\n",
           order->step, order->first + order->batch, loss, exp(temperature_read(part)));
}

// 0, HUB_END or -exit_code.
static int step(const struct conductor *conductor, struct gather *gather, const struct step_order *order) {
    const struct run_options *o = &conductor->part->run->options;
    int64_t samples;
    int status = gather_take(gather, conductor, order, &samples);
    if (status) return status;
    if (samples < order->batch)
        return error(EXIT_DATA, "step %" PRId64 " has %" PRId64 " samples and --batch-size is %" PRId64, order->step,
                     samples, order->batch);
    struct contrastive_result result =
        contrastive_run(gather->contrastive, gather->side[GATHER_IMAGE].row, gather->side[GATHER_TEXT].row,
                        (struct contrastive_scalars){temperature_read(conductor->part), 0}, 1,
                        (enum contrastive_convention)o->contrastive, NULL, NULL);
    print(conductor->part, order, result.loss);
    return 0;
}

int conductor_alone(struct conductor *conductor) {
    const struct run *run = conductor->part->run;
    const struct run_options *o = &run->options;
    struct gather *gather = gather_new(conductor, false);
    struct step_order order = {.step = o->first_step, .batch = o->batch_size, .microbatches = run_microbatches(run)};
    int status = 0;
    while (!status && (!o->steps || order.step < o->steps)) {
        order.first = order.step * order.batch;
        status = step(conductor, gather, &order);
        order.step++;
    }
    gather_free(&gather);
    if (status == HUB_END && o->steps)
        return error(EXIT_DATA, "%s ends at step %" PRId64, edge_name(conductor->embeddings), order.step - 1);
    return status == HUB_END ? 0 : status;
}
