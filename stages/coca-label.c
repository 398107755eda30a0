// coca-label: what a head learns of each sample. The manual page is below. A worker of the labels edge, as coca-decode
// is of the images': both find the same record for sample n. What a record teaches is coca-label/targets.c's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coca-label/targets.h"
#include "run/run_model.h"
#include "run/samples.h"
#include "stage/stage.h"
#include "train/topology.h"
#include "worker/views.h"
#include "worker/worker.h"

static const char manual[] =
    "Says what a head learns of each sample. Of the labels edge it serves, microbatch (s, m) of B samples holds\n"
    "\n"
    "  labels  i32 [B,K]  places in the list of labels, -1 where there are less than K\n"
    "  shares  f32 [B,K]  how right each of them is, 0 to 1\n"
    "  ids     i64 [B]    source << 48 | record\n"
    "  drops   strings    a JSON object for each record whose class the list lacks: edge, id, source, record, reason\n"
    "\n"
    "K is 1 where a task has classes. For\n"
    "vqa it is 10: every answer of the list that people gave, once with 0.3, twice 0.6, thrice 0.9, more often 1.\n"
    "The list is --head-labels, the run's or the model's own: a label a line.\n"
    "\n"
    "Example:\n"
    "  coca-label --labels - --task recognition --head-labels data/fashion-mnist/test/classnames.txt \\\n"
    "    --data data/fashion-mnist/test | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage, 3 a dataset or list that is damaged, 4 the consumer was lost.";

// Of the run's options.
static const char used[] =
    "model pretrained train-data train-data-weights val-data seed shuffle cache cache-gib remote-retries remote-timeout "
    "batch-size microbatch steps first-step evaluate task head-labels labels control";

struct label {
    struct run run;
    struct worker_options samples;
    struct worker_views views;
    struct worker worker;
    struct targets targets;
    float *shares; // of the message that is made
};

static int open_targets(struct label *label, const struct model_config *model) {
    const int asked = label->run.options.task;
    const enum task_kind task = asked == TASK_NONE ? model->head.task : (enum task_kind)asked;
    if (task == TASK_NONE) return error(EXIT_USAGE, "--task says what the labels are for");
    char *path = run_labels(&label->run);
    if (!path) return error(EXIT_USAGE, "--head-labels FILE is needed: the labels, one a line");
    int status = targets_open(&label->targets, task, path);
    if (!status) note("%zu labels for %s from %s", label->targets.names.count, tasks[task].name, path);
    free(path);
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    static const char *const classes[] = {"class", NULL}, *const answers[] = {"answers", NULL},
                             *const pictures[] = {"image", "images", "video", NULL};
    struct label *label = context;
    struct worker *worker = &label->worker;
    struct model_config model;
    (void)operands;
    int status = worker_visit(worker, &label->run);
    if (!status) status = run_join(&label->run, &model);
    if (!status) status = open_targets(label, &model);
    if (status) return status;
    const char *const *needs = worker_trains(worker) ? label->targets.task->soft ? answers : classes : pictures;
    worker->texts = true;
    worker->views = worker_views_count(&label->views);
    worker->address = label->run.options.labels;
    worker->consumers = topology_consumers(&label->run, "labels");
    worker->row_bytes = targets_width(&label->targets) * (int64_t)(sizeof(int32_t) + sizeof(float));
    return worker_open(worker, SOURCES_IN_ORDER, needs);
}

static void *add_labels(void *context, struct message *message, int samples) {
    struct label *label = context;
    const struct shape shape = SHAPE(samples, targets_width(&label->targets));
    label->shares = message_add(message, TENSOR_SHARES, DT_F32, shape);
    return message_add(message, TENSOR_LABELS, DT_I32, shape);
}

static void make(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]) {
    const struct label *label = context;
    const int K = targets_width(&label->targets);
    const char *wrong =
        targets_of(&label->targets, &sample->record, (int32_t *)tensor + row * K, label->shares + row * K);
    if (*sample->reason) wrong = sample->reason;
    if (wrong) snprintf(dropped, WORKER_REASON, "%s", wrong);
}

static int run(void *context, struct hub *hub) {
    return worker_run(&((struct label *)context)->worker, hub);
}

static void release(void *context) {
    struct label *label = context;
    worker_close(&label->worker);
    targets_close(&label->targets);
}

int main(int argc, char **argv) {
    struct label label = {.worker = {.run = &label.run,
                                     .options = &label.samples,
                                     .edge = "labels",
                                     .context = &label,
                                     .add = add_labels,
                                     .make = make}};
    struct option_table samples = worker_options_table(&label.samples), views = worker_views_table(&label.views);
    struct option_table *const tables[] = {&samples, &views, &label.run.table, NULL};
    const struct stage stage = {.name = "coca-label",
                                .summary = "classes and answers in, labels out",
                                .manual = manual,
                                .tables = tables,
                                .context = &label,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&label.run, used);
    return stage_main(&stage, argc, argv);
}
