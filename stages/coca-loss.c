// coca-loss: conducts a run. The manual page is below. This file chooses between its tasks, training, evaluation and
// loss alone, and says what they need; each is a file of train/ (conductor*.c, evaluate.c). --prepare is
// coca-loss/prepare.c, --plan is coca-loss/plan.c.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "coca-loss/need.h"
#include "coca-loss/plan.h"
#include "coca-loss/prepare.h"
#include "model/contrastive.h"
#include "run/results.h"
#include "run/run_model.h"
#include "stage/stage.h"
#include "train/scalars.h"
#include "train/stateful.h"

static const char manual[] =
    "Conducts the steps of a training run: gathers the embeddings of the global batch, computes the contrastive\n"
    "loss and its gradient in row blocks, owns the temperature, adds up losses and gradient norms, decides on\n"
    "learning rate, clipping and skipping, and writes metrics.jsonl and the checkpoints' manifests.\n"
    "\n"
    "  embeddings       in   embedding f32 [B,E] from image-encode and text-decode\n"
    "  embeddings-grad  out  d_embedding f32 [B,E] to both\n"
    "  control               the step protocol with both\n"
    "\n"
    "With --evaluate: the losses without gradients over held-out data, in batches of --batch-size, to its end;\n"
    "one JSON line on stdout, as coca-score's, with samples, targets, loss, contrastive_loss,\n"
    "caption_loss and its exponential caption_perplexity.\n"
    "The encoders are started with --evaluate too.\n"
    "\n"
    "Alone, without --control: the contrastive loss of recorded embeddings, a JSON line a step on stdout. Which\n"
    "of the encoders a gradient is for stands in no recording, so none is written.\n"
    "\n"
    "coca-loss --prepare makes the run directory before all that: `coca-loss --prepare --help`. coca-loss --plan says\n"
    "what a step of a run would take, on hosts that need not be there: `coca-loss --plan --help`.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure (also steps that are not finite), 2 usage, 3 bad input, 4 peer lost,\n"
    "130 and 143 signals, after a checkpoint.\n"
    "\n"
    "Example:\n"
    "  coca-loss --model coca_tiny --batch-size 128 --microbatch 32 --embeddings file:embeddings.rec";

struct loss {
    struct run run;
    struct results_options results;
    struct part part;
    struct topology topology;
    struct edges edges;
    bool train;
};

static bool is_alone(const struct loss *loss) {
    const struct run_options *o = &loss->run.options;
    return !o->control && !o->evaluate;
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct loss *loss = context;
    (void)recompute;
    (void)microbatch;
    return loss_bytes(&loss->part, &loss->topology, loss->train);
}

static const char *contrastive_words(const struct run *run, const struct model_config *config) {
    if (run_contrastive_kind(run, config) == CONTRASTIVE_SIGMOID) return "sigmoid of each pair";
    return run->options.contrastive == CONTRASTIVE_SUM ? "sum of the two directions" : "mean of the two directions";
}

static void say_share(const struct loss *loss) {
    const struct run_options *o = &loss->run.options;
    const struct model_config *config = &loss->part.config;
    struct contrastive_scalars scalars = scalars_read(&loss->part);
    char *bias = config->logit_bias ? xformat(", bias %.6g", scalars.logit_bias) : xstrdup("");
    note("%s family, losses: %g x contrastive (%s) + %g x caption (mean over the targets of the batch of %" PRId64
         " in %d microbatches)%s; temperature %.6g%s",
         config_family_name(config), o->contrastive_weight, contrastive_words(&loss->run, config), o->caption_weight,
         o->batch_size, run_microbatches(&loss->run), o->task == TASK_NONE ? "" : " + 1 x head (mean over its samples)",
         exp(-scalars.logit_scale), bias);
    free(bias);
    if (loss->train && o->contrastive_weight == 0 && o->task == TASK_NONE && o->pretrained)
        warn("training by captions alone takes away what --pretrained can do without them, zero-shot labels and "
             "retrieval; "
             "a small --coca-contrastive-loss-weight keeps it");
}

static int prepare(void *context, const struct strings *operands) {
    struct loss *loss = context;
    (void)operands;
    int status = part_open(&loss->part, &loss_row, &loss->run);
    loss->topology = topology_of(&loss->run);
    loss->train = loss->run.options.control && !loss->run.options.evaluate;
    if (!status) status = run_check_batch(&loss->run);
    if (!status && loss->train) status = run_check_length(&loss->run);
    if (!status) status = memory_announce(&loss->run, loss->part.ops, need, loss);
    if (!status) status = part_load(&loss->part, loss->train);
    if (!status) say_share(loss);
    return status;
}

static int open_edges(struct loss *loss, struct hub *hub, struct conductor *conductor) {
    struct edges *edges = &loss->edges;
    *edges = (struct edges){
        .hub = hub, .row = &loss_row, .topology = &loss->topology, .run = &loss->run, .trains = loss->train};
    if (loss->run.options.evaluate && !loss->run.options.control)
        return error(EXIT_USAGE, "--evaluate: --control ADDRESS is needed, where the encoders are conducted");
    int status = edges_open(edges, loss_row.edges, loss_row.edge_count);
    conductor->control = edges_channel(edges, "control").edge;
    conductor->embeddings = edges_channel(edges, "embeddings").edge;
    conductor->embeddings_grad = edges_channel(edges, "embeddings-grad").edge;
    if (!status && is_alone(loss) && !(conductor->embeddings && edge_is_recording(conductor->embeddings)))
        status = error(EXIT_USAGE, "without --control, --embeddings is a recording: file:PATH or -");
    return status;
}

static int conduct(const struct loss *loss, struct conductor *conductor) {
    if (is_alone(loss)) return conductor_alone(conductor);
    return loss->train ? conductor_train(conductor) : conductor_evaluate(conductor, &loss->results);
}

static int run(void *context, struct hub *hub) {
    struct loss *loss = context;
    struct conductor conductor = {.hub = hub, .part = &loss->part, .topology = &loss->topology};
    int status = open_edges(loss, hub, &conductor);
    if (!status) stage_ready();
    if (!status) status = hub_meet(hub);
    return status ? status : conduct(loss, &conductor);
}

static void release(void *context) {
    struct loss *loss = context;
    edges_close(&loss->edges);
    part_close(&loss->part);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--prepare")) return prepare_main(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "--plan")) return plan_main(argc - 1, argv + 1);
    struct loss loss = {.train = false};
    struct option_table results = results_options_table(&loss.results);
    struct option_table *const tables[] = {&results, &loss.run.table, NULL};
    const struct stage stage = {.name = "coca-loss",
                                .role = ROLE_LOSS,
                                .summary = "conducts training: contrastive loss, totals, temperature",
                                .manual = manual,
                                .tables = tables,
                                .context = &loss,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    stateful_init_run(&loss.run, &loss_row);
    return stage_main(&stage, argc, argv);
}
