// The stage itself: mean of a picture's feature rows, a linear map, softmax over two classes, and back.
#include <math.h>
#include <string.h>

#include "probe.h"
#include "stage/stage.h"
#include "train/follower.h"
#include "train/outputs.h"

struct probe {
    struct run run;
    struct part part;
    struct topology topology;
    struct edges edges;
    struct slot_reader features;
};

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct probe *self = context;
    (void)recompute;
    (void)microbatch;
    return part_bytes(&self->part, true);
}

static int prepare(void *context, const struct strings *operands) {
    struct probe *self = context;
    (void)operands;
    int status = part_open(&self->part, &probe_row, &self->run);
    self->topology = topology_of(&self->run);
    if (!status) status = memory_announce(&self->run, self->part.ops, need, self);
    return status ? status : part_load(&self->part, true);
}

// −log p of the class, with the gradients of weight, bias and the N·D features x by `scale` times it.
static double learn(const struct part *part, const float *x, int64_t N, int class, double scale, float *d_x) {
    const int64_t D = part->config.decoder.width;
    const struct weight w = params_weight(part->params, "probe.weight"), b = params_weight(part->params, "probe.bias");
    double logit[PROBE_CLASSES], sum = 0;
    for (int c = 0; c < PROBE_CLASSES; c++) {
        logit[c] = b.master[c];
        for (int64_t i = 0; i < N * D; i++) logit[c] += w.master[c * D + i % D] * x[i] / (double)N;
    }
    for (int c = 0; c < PROBE_CLASSES; c++) sum += exp(logit[c]);
    for (int c = 0; c < PROBE_CLASSES; c++) {
        double d = scale * (exp(logit[c]) / sum - (c == class));
        b.gradient[c] += (float)d;
        for (int64_t i = 0; i < N * D; i++) {
            w.gradient[c * D + i % D] += (float)(d * x[i] / (double)N);
            d_x[i] += (float)(d * w.master[c * D + i % D] / (double)N);
        }
    }
    return log(sum) - logit[class];
}

static int pass(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct probe *self = context;
    const struct channel control = edges_channel(&self->edges, "control");
    const struct channel back = edges_channel(&self->edges, "features-grad");
    const int64_t B = taken[0]->unit.samples, N = config_feature_tokens(&self->part.config);
    const struct shape shape = SHAPE(B, N, self->part.config.decoder.width);
    const void *features, *ids;
    int status = input_rows(work, taken[0], TENSOR_FEATURES, DT_F32, shape, &self->features, &features);
    if (!status) status = message_tensor(taken[0], TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    if (status) return status;
    struct loss_report report = {probe_row.losses[0].name, 0, B};
    struct message *gradient = output_new(work, taken[0]);
    float *d_features = message_add(gradient, TENSOR_D_FEATURES, DT_F32, shape);
    const int64_t row = shape_count(shape) / B;
    memset(d_features, 0, (size_t)(B * row) * sizeof *d_features);
    for (int64_t i = 0; i < B; i++)
        report.sum += learn(&self->part, (const float *)features + i * row, N, (int)(((const int64_t *)ids)[i] & 1),
                            1 / (double)work->batch, d_features + i * row);
    status = channel_send(&back, work->microbatch, work->microbatches, &gradient);
    struct message *message = report_pack(&report, taken[0]->unit);
    return status ? status : channel_send(&control, 0, 0, &message);
}

static int run(void *context, struct hub *hub) {
    struct probe *self = context;
    self->edges =
        (struct edges){.hub = hub, .row = &probe_row, .topology = &self->topology, .run = &self->run, .trains = true};
    int status = edges_open(&self->edges, probe_row.edges, probe_row.edge_count);
    if (!status) stage_ready();
    if (!status) status = hub_meet(hub);
    const struct phase phase = {
        .name = "learn", .take = {edges_channel(&self->edges, "features")}, .enabled = true, .run = pass};
    struct follower follower = {.hub = hub,
                                .part = &self->part,
                                .topology = &self->topology,
                                .control = edges_channel(&self->edges, "control"),
                                .phase = &phase,
                                .phases = 1,
                                .context = self};
    self->features.ops = self->part.ops;
    if (!status) status = follower_run(&follower);
    slot_reader_close(&self->features);
    part_close(&self->part);
    return status;
}

int main(int argc, char **argv) {
    struct probe self = {.part = {.ops = NULL}};
    struct option_table *const tables[] = {&self.run.table, NULL};
    const struct stage stage = {.name = "coca-probe",
                                .summary = "whether the number of a picture is odd, by its features",
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run};
    run_init(&self.run, NULL);
    return stage_main(&stage, argc, argv);
}
