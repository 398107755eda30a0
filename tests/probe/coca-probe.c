// The stage itself: mean of a picture's feature rows, a linear map, softmax over two classes, and back.
#include <math.h>
#include <string.h>

#include "stage/stage.h"
#include "train/outputs.h"
#include "train/stateful.h"

enum { PROBE_CLASSES = 2 };
extern const struct stage_row probe_row;

struct probe {
    struct stateful base;
    struct slot_reader features;
};

static int prepare(void *context, const struct strings *operands) {
    struct probe *self = context;
    (void)operands;
    int status = stateful_prepare(&self->base, &probe_row, true);
    self->features.ops = self->base.part.ops;
    return status ? status : stateful_load(&self->base);
}

// −log p of the class, with the gradients of weight, bias and the N·D features x by `scale` times it.
static double learn(const struct part *part, const float *x, int64_t N, int64_t class, double scale, float *d_x) {
    const int64_t D = part->config.decoder.width;
    const struct weight w = params_weight(part->params, "probe.weight"), b = params_weight(part->params, "probe.bias");
    double logit[PROBE_CLASSES], sum = 0;
    for (int c = 0; c < PROBE_CLASSES; c++) {
        logit[c] = b.master[c];
        for (int64_t i = 0; i < N * D; i++) logit[c] += w.master[c * D + i % D] * x[i] / (double)N;
        sum += exp(logit[c]);
    }
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
    const struct channel control = edges_channel(&self->base.edges, "control");
    const struct channel back = edges_channel(&self->base.edges, "features-grad");
    const int64_t B = taken[0]->unit.samples, N = config_feature_tokens(&self->base.part.config);
    const struct shape shape = SHAPE(B, N, self->base.part.config.decoder.width);
    const void *features, *ids;
    int status = input_rows(work, taken[0], TENSOR_FEATURES, DT_F32, shape, &self->features, &features);
    if (!status) status = message_tensor(taken[0], TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    if (status) return status;
    struct message *gradient = output_new(work, taken[0]);
    float *d_features = message_add(gradient, TENSOR_D_FEATURES, DT_F32, shape);
    const int64_t row = shape_count(shape) / B;
    double sum = 0;
    memset(d_features, 0, (size_t)(B * row) * sizeof *d_features);
    for (int64_t i = 0; i < B; i++)
        sum += learn(&self->base.part, (const float *)features + i * row, N, ((const int64_t *)ids)[i] & 1,
                     1 / (double)work->batch, d_features + i * row);
    status = channel_send(&back, work->microbatch, work->microbatches, &gradient);
    return status ? status : report_loss(&control, &probe_row.losses[0], sum, B, taken[0]->unit);
}

static int run(void *context, struct hub *hub) {
    struct probe *self = context;
    int status = stateful_open(&self->base, hub, probe_row.edges, probe_row.edge_count);
    const struct phase phase = {.name = "learn",
                                .take = {edges_channel(&self->base.edges, "features")},
                                .enabled = true,
                                .gradients = "",
                                .run = pass};
    struct follower follower = {.phase = &phase, .phases = 1, .context = self};
    if (!status) status = stateful_drive(&self->base, &follower);
    slot_reader_close(&self->features);
    stateful_close(&self->base);
    return status;
}

int main(int argc, char **argv) {
    struct probe self = {.features = {.ops = NULL}};
    struct option_table *const tables[] = {&self.base.run.table, NULL};
    const struct stage stage = {.name = "coca-probe",
                                .summary = "whether the number of a picture is odd, by its features",
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run};
    stateful_init_run(&self.base.run, &probe_row);
    return stage_main(&stage, argc, argv);
}
