// Memory of each stage as it would announce it. The stages' own sums are called (train/encoder.h, need.h) with a stage
// that has nothing but its configuration: what runs in bf16 can be planned where no bf16 is.
#include "plan.h"

#include "need.h"
#include "ops/ops.h"
#include "run/run_model.h"
#include "train/encoder.h"

// Of the first rank, which needs most: it writes and reads the checkpoints.
static void imagine_ranks(struct stateful *stage) {
    stage->part.ranks = stage->joined = ranks_imagine(0, stage->ranks);
}

// The backend of the CPU stands in for others, which take more or less scratch memory and copies of weights.
static int open_backend(struct part *part) {
    const bool bf16 = part->run->options.precision == PRECISION_BF16 && !part->row->conducts;
    int status = ops_open(&part->ops, "cpu", DT_REAL, 1);
    if (!status && bf16) part->ops->dtype = DT_BF16;
    return status;
}

static struct topology topology_for(const struct plan_step *step) {
    struct topology topology = topology_of(step->run);
    topology_set_ranks(&topology, ROLE_IMAGE, step->ranks[PLAN_IMAGE]);
    if (topology_ranks(&topology, ROLE_TEXT)) topology_set_ranks(&topology, ROLE_TEXT, step->ranks[PLAN_TEXT]);
    return topology;
}

static struct stateful stage_of(const struct plan_step *step, const struct stage_row *row, int ranks) {
    return (struct stateful){.run = *step->run,
                             .part = {.row = row, .config = *step->config},
                             .topology = topology_for(step),
                             .train = true,
                             .ranks = ranks};
}

static int side_bytes(const struct plan_step *step, enum plan_side side, struct memory_bytes *bytes) {
    const struct run_options *o = &step->run->options;
    struct stateful stage = stage_of(step, side == PLAN_IMAGE ? &image_row : &text_row, step->ranks[side]);
    const int pictures = side == PLAN_IMAGE ? run_pictures(step->run, step->config) : 1;
    const struct encoder encoder = {&stage, pictures, false};
    stage.part.run = &stage.run;
    int status = open_backend(&stage.part);
    if (status) return status;
    imagine_ranks(&stage);
    *bytes = side == PLAN_IMAGE ? encoder_image_bytes(&encoder, o->recompute, o->microbatch)
                                : encoder_text_bytes(&encoder, o->recompute, o->microbatch);
    ranks_close(&stage.joined, true);
    ops_close(&stage.part.ops);
    return 0;
}

static int conductor_share(const struct plan_step *step, struct memory_bytes *bytes) {
    struct stateful stage = stage_of(step, &loss_row, 1);
    stage.part.run = &stage.run;
    int status = open_backend(&stage.part);
    if (status) return status;
    *bytes = loss_bytes(&stage.part, &stage.topology, true);
    ops_close(&stage.part.ops);
    return 0;
}

int plan_memory(const struct plan_step *step, struct memory_bytes bytes[PLAN_STAGES]) {
    int status = side_bytes(step, PLAN_IMAGE, &bytes[PLAN_OF_IMAGE]);
    if (!status) status = side_bytes(step, PLAN_TEXT, &bytes[PLAN_OF_TEXT]);
    return status ? status : conductor_share(step, &bytes[PLAN_OF_LOSS]);
}
