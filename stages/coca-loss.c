#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "coca-loss/prepare.h"
#include "model/contrastive.h"
#include "run/export.h"
#include "run/results.h"
#include "run/run_options.h"
#include "stage/stage.h"
#include "train/conductor.h"
#include "train/edges.h"
#include "train/memory.h"
#include "train/temperature.h"

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
    "one JSON line on stdout, as coca-score's, with samples, targets, loss, contrastive_loss and caption_loss.\n"
    "The encoders are started with --evaluate too.\n"
    "\n"
    "Alone, without --control: the contrastive loss of recorded embeddings, a JSON line a step on stdout. Which\n"
    "of the encoders a gradient is for stands in no recording, so none is written.\n"
    "\n"
    "coca-loss --prepare makes the run directory before all that: `coca-loss --prepare --help`.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure (also steps that are not finite), 2 usage, 3 bad input, 4 peer lost,\n"
    "130 and 143 signals, after a checkpoint.\n"
    "\n"
    "Example:\n"
    "  coca-loss --model coca_tiny --batch-size 128 --microbatch 32 --embeddings file:embeddings.rec";

enum { RESULTS, RUN, TABLES };
static struct option_table tables[TABLES];

static struct part part;
static bool train;

static bool is_alone(void) {
    return !run_options.control && !run_options.evaluate;
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    (void)context;
    (void)recompute;
    (void)microbatch;
    struct memory_bytes bytes = part_bytes(&part, train), batch = conductor_bytes(&part, train);
    bytes.device += batch.device;
    bytes.host += batch.host + (train ? export_bytes(&part.config) : 0);
    return bytes;
}

static void say_share(void) {
    double caption = run_options.caption_weight, contrastive = run_options.contrastive_weight;
    note("%s family, losses: %g x contrastive (%s of the two directions) + %g x caption (mean over the targets of the "
         "batch of %" PRId64 " in %d microbatches); temperature %.6g",
         config_family_name(&part.config), contrastive, run_options.contrastive == CONTRASTIVE_SUM ? "sum" : "mean",
         caption, run_options.batch_size, run_microbatches(), exp(-temperature_read(&part)));
    if (train && contrastive == 0 && run_options.pretrained)
        warn("training by captions alone takes away what --pretrained can do without them, zero-shot labels and "
             "retrieval; "
             "a small --coca-contrastive-loss-weight keeps it");
}

static int prepare(const struct strings *operands) {
    (void)operands;
    int status = part_open(&part, &loss_part, &tables[RUN]);
    train = run_options.control && !run_options.evaluate;
    if (!status) status = run_options_check_batch();
    if (!status && train) status = run_options_check_length();
    if (!status) status = memory_announce(part.ops, need, NULL);
    if (!status) status = part_load(&part, train);
    if (!status) say_share();
    return status;
}

static int open_edges(struct hub *hub, struct conductor *conductor) {
    static const struct peer_group both[] = {{ROLE_IMAGE, 1}, {ROLE_TEXT, 1}};
    const struct run_options *o = &run_options;
    bool contrastive = o->contrastive_weight > 0, alone = is_alone();
    const struct edge_row rows[] = {
        {&conductor->control, !alone, {"control", o->control, EDGE_BIND, EDGE_BOTH, 0, both, 2}},
        {&conductor->embeddings, contrastive || alone, {"embeddings", o->embeddings, EDGE_BIND, EDGE_IN, 0, both, 2}},
        {&conductor->embeddings_grad,
         contrastive && train,
         {"embeddings-grad", o->embeddings_grad, EDGE_BIND, EDGE_OUT, 0, both, 2}},
    };
    return edges_open(hub, rows, sizeof rows / sizeof *rows);
}

static int conduct(struct conductor *conductor) {
    if (is_alone()) return conductor_alone(conductor);
    return train ? conductor_train(conductor) : conductor_evaluate(conductor);
}

static int run(struct hub *hub) {
    struct conductor conductor = {.hub = hub, .part = &part};
    int status = open_edges(hub, &conductor);
    if (!status && is_alone() && !edge_is_recording(conductor.embeddings))
        status = error(EXIT_USAGE, "without --control, --embeddings is a recording: file:PATH or -");
    if (!status) stage_ready();
    if (!status) status = hub_meet(hub);
    if (!status) status = conduct(&conductor);
    part_close(&part);
    return status;
}

int main(int argc, char **argv) {
    static const struct stage stage = {.name = "coca-loss",
                                       .role = ROLE_LOSS,
                                       .summary = "conducts training: contrastive loss, totals, temperature",
                                       .manual = manual,
                                       .tables = tables,
                                       .table_count = TABLES,
                                       .prepare = prepare,
                                       .run = run};
    if (argc > 1 && !strcmp(argv[1], "--prepare")) return prepare_main(argc - 1, argv + 1);
    tables[RESULTS] = results_options_table;
    tables[RUN] = run_options_table;
    return stage_main(&stage, argc, argv);
}
