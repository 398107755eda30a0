// coca-head: what a task learns on top of the model. The manual page is below. One phase: the labels of a microbatch
// and the states that an encoder made of it come together, and forward, loss and backward follow at once, so that
// nothing is kept and the encoder has its gradients as early as can be.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/towers/head_tower.h"
#include "run/run_model.h"
#include "stage/stage.h"
#include "train/memory.h"
#include "train/outputs.h"
#include "train/slots.h"
#include "train/stateful.h"

static const char manual[] =
    "An attentional pooler and a linear classifier on what an encoder made of each sample: a task's head, forward and\n"
    "back.\n"
    "\n"
    "  labels       in   labels i32, shares f32 [B,K]: up to K labels with their shares, -1 where there are less\n"
    "  states       in   states f32|bf16 [R,W] with start, count i32 [B] or, where a task joins J vectors, [BJ]\n"
    "  states-grad  out  d_states, as states\n"
    "  scores       out  with --scores: scores f32 [B,C], before softmax or sigmoid\n"
    "  control           the step protocol, when coca-loss conducts\n"
    "\n"
    "With --control it trains, or, with --evaluate, reports the loss and writes the scores. Without, it goes through\n"
    "recordings of labels and states and prints the loss.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad input, 4 peer lost, 130 and 143 signals.\n"
    "\n"
    "Example:\n"
    "  coca-head --task vqa --pretrained runs/answers/model --labels file:labels.rec --states file:states.rec \\\n"
    "    --scores - | coca-tap watch -";

struct head {
    struct stateful base;
    struct channel labels, states, states_grad, scores, control;
    struct head_tower *tower;
    float *score, *d_score; // [B,C]
    struct slots *slots;    // of d_states, or NULL
    struct slot_reader rows;
};

static const struct model_config *config(const struct head *self) {
    return &self->base.part.config;
}

static enum dtype dtype(const struct head *self) {
    return self->base.part.ops->dtype;
}

// ---- before sockets

// Tokens of all pictures of a sample together; or of a text, once for each picture.
static struct head_plan plan_of(const struct head *self, int64_t microbatch) {
    const bool text = tasks[config(self)->head.task].reads_text, train = self->base.train;
    const int64_t pictures = config_pictures(config(self));
    const int64_t tokens = text ? config(self)->text.context_length : pictures * config_image_tokens(config(self));
    return (struct head_plan){.batch = (int)microbatch,
                              .rows = microbatch * tokens * config_joined(config(self)),
                              .longest = (int)tokens,
                              .train = train,
                              .gradient = stateful_tunes(&self->base)};
}

static struct shape states_shape(const struct head *self, int64_t rows) {
    return SHAPE(rows, config_state_width(config(self)));
}

static int64_t states_bytes(const struct head *self, int64_t microbatch) {
    return shape_bytes(states_shape(self, plan_of(self, microbatch).rows), dtype(self));
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct head *self = context;
    (void)recompute;
    struct memory_bytes bytes = stateful_bytes(&self->base, microbatch);
    struct memory_bytes slots = slots_bytes(
        &self->base.part, self->base.train ? stateful_own(&self->base, microbatch) : 1, states_bytes(self, microbatch));
    bytes.device += head_tower_bytes(config(self), self->base.part.ops, plan_of(self, microbatch)) + slots.device;
    bytes.host += 2 * microbatch * config(self)->head.classes * (int64_t)sizeof(float) + slots.host;
    return bytes;
}

static void say_share(const struct head *self) {
    const struct head_config *head = &config(self)->head;
    const struct run_options *o = &self->base.run.options;
    note("head for %s: %d classes, %d queries, %d heads; %" PRId64 " parameters; %s loss, label smoothing %g%s",
         tasks[head->task].name, head->classes, head->queries, head->heads, part_count(&self->base.part),
         o->head_loss == HEAD_SIGMOID ? "sigmoid" : "softmax", o->label_smoothing,
         o->frozen ? "; the encoders are frozen" : "");
}

static int check_task(const struct head *self) {
    const int asked = self->base.run.options.task;
    if (config(self)->head.task == TASK_NONE)
        return error(EXIT_USAGE, "the model has no head: pipelines/tune.sh trains one");
    if (asked == TASK_NONE || asked == (int)config(self)->head.task) return 0;
    return error(EXIT_USAGE, "--task %s: the model's head is for %s", tasks[asked].name,
                 tasks[config(self)->head.task].name);
}

static int load(struct head *self) {
    const int64_t B = self->base.run.options.microbatch;
    int status = stateful_load(&self->base);
    if (status) return status;
    self->tower = head_tower_new(config(self), self->base.part.params, plan_of(self, B));
    self->score = xcalloc((size_t)(B * config(self)->head.classes), sizeof *self->score);
    self->d_score = xcalloc((size_t)(B * config(self)->head.classes), sizeof *self->d_score);
    self->rows.ops = self->base.part.ops;
    return 0;
}

static int prepare(void *context, const struct strings *operands) {
    struct head *self = context;
    (void)operands;
    int status = stateful_prepare(&self->base, &head_row, true);
    if (!status) status = check_task(self);
    if (status) return status;
    say_share(self);
    status = memory_announce(&self->base.run, self->base.part.ops, need, self);
    return status ? status : load(self);
}

// ---- what comes in

static int take_labels(const struct head *self, const struct work *work, const struct message *message,
                       struct head_targets *targets) {
    const struct tensor *labels = message_find(message, TENSOR_LABELS);
    const int64_t B = message->unit.samples, K = labels && labels->shape.rank == 2 ? labels->shape.dim[1] : 1;
    const void *label, *share;
    int status = input_tensor(work, message, TENSOR_LABELS, DT_I32, SHAPE(B, K), &label);
    if (!status) status = input_tensor(work, message, TENSOR_SHARES, DT_F32, SHAPE(B, K), &share);
    *targets = (struct head_targets){(int)K, label, share};
    for (int64_t i = 0; !status && label && i < B * K; i++)
        if (targets->label[i] >= config(self)->head.classes || targets->label[i] < -1)
            status = error(EXIT_DATA, "%s: label %d, and the model's head has %d classes", message->from,
                           targets->label[i], config(self)->head.classes);
    return status;
}

// Every length is of another process: rows within the message, and no group longer than the tower has room for.
static int check_groups(const struct head *self, const struct message *message, const struct head_states *states) {
    const struct head_plan plan = plan_of(self, self->base.run.options.microbatch);
    const int groups = message->unit.samples * config_joined(config(self));
    for (int i = 0; i < groups; i++) {
        const int64_t start = states->start[i], count = states->count[i];
        if (start < 0 || count < 1 || count > plan.longest || start + count > states->rows)
            return error(
                EXIT_RUN,
                "step %" PRId64 ", microbatch %d: %s has rows %" PRId64 " to %" PRId64 " of %" PRId64 " for group %d",
                message->unit.step, message->unit.microbatch, message->from, start, start + count, states->rows, i);
    }
    return states->rows <= plan.rows ? 0 : error(EXIT_RUN, "%s: too many states", message->from);
}

static int take_states(struct head *self, const struct work *work, const struct message *message,
                       struct head_states *states) {
    const int groups = message->unit.samples * config_joined(config(self));
    const void *start, *count;
    states->rows = message_rows(message, TENSOR_STATES);
    int status = input_rows(work, message, TENSOR_STATES, dtype(self), states_shape(self, states->rows), &self->rows,
                            &states->row);
    if (!status) status = input_tensor(work, message, TENSOR_START, DT_I32, SHAPE(groups), &start);
    if (!status) status = input_tensor(work, message, TENSOR_COUNT, DT_I32, SHAPE(groups), &count);
    if (status || !states->row) return status;
    states->start = start;
    states->count = count;
    return check_groups(self, message, states);
}

// ---- the pass

static int send_scores(struct head *self, const struct work *work, const struct message *input) {
    if (!self->scores.edge) return 0;
    const int64_t B = input->unit.samples;
    struct message *scores = output_new(work, input);
    float *rows = message_add(scores, TENSOR_SCORES, DT_F32, SHAPE(B, config(self)->head.classes));
    memcpy(rows, self->score, (size_t)(B * config(self)->head.classes) * sizeof *rows);
    return channel_send(&self->scores, work->microbatch, work->microbatches, &scores);
}

static int send_gradient(struct head *self, const struct work *work, const struct message *input,
                         const struct head_states *states) {
    if (!self->states_grad.edge) {
        head_tower_backward(self->tower, self->d_score, NULL);
        return 0;
    }
    struct message *gradient = output_new(work, input);
    void *d_states =
        slots_add(self->slots, work->slot, gradient, TENSOR_D_STATES, dtype(self), states_shape(self, states->rows));
    head_tower_backward(self->tower, self->d_score, d_states);
    return channel_send(&self->states_grad, work->microbatch, work->microbatches, &gradient);
}

// The loss, as its gradient, is a mean over the samples of the global batch: how many of them have labels is known to
// no microbatch. One without has nothing to lose by softmax, and by sigmoid all answers to reject.
static int learn(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct head *self = context;
    struct head_targets targets;
    struct head_states states;
    struct head_loss loss = {0};
    const struct run_options *o = &self->base.run.options;
    const int B = taken[0]->unit.samples;
    int status = ids_compare(taken[0], taken[1]);
    if (!status) status = take_labels(self, work, taken[0], &targets);
    if (!status) status = take_states(self, work, taken[1], &states);
    if (status) return status;
    if (B) {
        head_tower_forward(self->tower, B, &states, self->score);
        loss = head_loss_run((enum head_loss_kind)o->head_loss, self->score, B, config(self)->head.classes, &targets,
                             o->label_smoothing, 1 / (double)work->batch, work->train ? self->d_score : NULL);
        status = send_scores(self, work, taken[1]);
    }
    if (B && work->train && !status) status = send_gradient(self, work, taken[1], &states);
    return status ? status : report_loss(&self->control, &head_row.losses[0], loss.sum, B, taken[1]->unit);
}

// ---- sockets

// The row's edges, and where scores go, which is no stage of the run.
static int open_edges(struct head *self, struct hub *hub) {
    static const struct stage_edge scores = {"scores", EDGE_SERVE, EDGE_OUT, NULL, false};
    int status = stateful_open(&self->base, hub, head_row.edges, head_row.edge_count);
    if (!status && self->base.run.options.scores) status = edges_open(&self->base.edges, &scores, 1);
    self->labels = edges_channel(&self->base.edges, "labels");
    self->states = edges_channel(&self->base.edges, "states");
    self->states_grad = edges_channel(&self->base.edges, "states-grad");
    self->scores = edges_channel(&self->base.edges, "scores");
    self->control = edges_channel(&self->base.edges, "control");
    return status;
}

static int drive(struct head *self) {
    const int64_t B = self->base.run.options.microbatch;
    const struct phase phase = {.name = "learn",
                                .take = {self->labels, self->states},
                                .pulls = true,
                                .enabled = true,
                                .gradients = "",
                                .run = learn};
    struct follower follower = {
        .window = (int)self->base.run.options.window, .phase = &phase, .phases = 1, .context = self};
    self->slots =
        slots_new(&self->base.part, &self->states_grad, stateful_own(&self->base, B), (size_t)states_bytes(self, B));
    return stateful_drive(&self->base, &follower);
}

static int run(void *context, struct hub *hub) {
    struct head *self = context;
    int status = open_edges(self, hub);
    return status ? status : drive(self);
}

static void release(void *context) {
    struct head *self = context;
    free(self->score);
    free(self->d_score);
    slots_free(&self->slots);
    slot_reader_close(&self->rows);
    head_tower_free(&self->tower);
    stateful_close(&self->base);
}

int main(int argc, char **argv) {
    struct head self = {.tower = NULL};
    struct option_table *const tables[] = {&self.base.run.table, NULL};
    const struct stage stage = {.name = "coca-head",
                                .role = ROLE_HEAD,
                                .summary = "a task's pooler and classifier, forward and backward",
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    stateful_init_run(&self.base.run, &head_row);
    return stage_main(&stage, argc, argv);
}
