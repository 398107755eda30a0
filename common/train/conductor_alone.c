// Loss alone: the contrastive loss of embeddings that a run recorded, step by step, for who debugs the loss. There is
// nobody to conduct, so no order says how many samples a step has: the options do, and a step that has other ones is
// bad data.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "train/conductor.h"
#include "train/gather.h"
#include "train/scalars.h"

static void print(const struct part *part, const struct step_order *order, double loss) {
    struct contrastive_scalars scalars = scalars_read(part);
    char text[JSON_NUMBER_SIZE], scale[JSON_NUMBER_SIZE];
    printf("{\"step\": %" PRId64 ", \"samples\": %" PRId64 ", \"contrastive_loss\": %s, \"logit_scale\": %s",
           order->step, order->first + order->batch, json_number(text, loss),
           json_number(scale, exp(scalars.logit_scale)));
    if (part->config.logit_bias) printf(", \"logit_bias\": %s", json_number(text, scalars.logit_bias));
    puts("}");
}

// 0, HUB_END or -exit_code.
static int step(const struct conductor *conductor, struct gather *gather, const struct step_order *order) {
    int64_t samples;
    int status = gather_take(gather, conductor, order, &samples);
    if (status) return status;
    if (samples < order->batch)
        return error(EXIT_DATA, "step %" PRId64 " has %" PRId64 " samples and --batch-size is %" PRId64, order->step,
                     samples, order->batch);
    print(conductor->part, order, gather_contrast(gather, conductor->part, samples, 1).loss);
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
