// One linear layer trained as CLIP_benchmark trains it: PyTorch's AdamW and first weights, in f64. Its strongest weight
// decays make the weights grow without bound; whatever comes of that ranks last.
#include "measure/linear_probe_adamw.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"

enum { EPOCHS = 10, BATCH = 64 };
static const double rate = 0.1, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

struct adamw {
    const struct softmax_shape *shape;
    double *parameters, *gradient, *first, *second; // [E+1,stride]
    int64_t count;                                  // of each
    double weight_decay, decay1, decay2;            // beta1 and beta2 to the power of the updates so far
};

// Uniform within 1/√E of 0, weights and intercepts.
static void begin_weights(const struct softmax_shape *shape, uint64_t seed, double *parameters) {
    const struct random_key key = random_key(seed, "linear probe weights");
    const double bound = 1 / sqrt((double)shape->E);
    for (int64_t e = 0; e <= shape->E; e++)
        for (int64_t p = 0; p < shape->stride; p++)
            parameters[e * shape->stride + p] =
                p < shape->K ? bound * (2 * random_uniform(key, (uint64_t)(e * shape->K + p)) - 1) : 0;
}

static void update(struct adamw *self, double lr) {
    self->decay1 *= beta1;
    self->decay2 *= beta2;
    const double kept = 1 - lr * self->weight_decay, step = lr / (1 - self->decay1), scale = 1 / (1 - self->decay2);
    for (int64_t j = 0; j < self->count; j++) {
        const double g = self->gradient[j];
        self->first[j] = beta1 * self->first[j] + (1 - beta1) * g;
        self->second[j] = beta2 * self->second[j] + (1 - beta2) * g * g;
        self->parameters[j] =
            kept * self->parameters[j] - step * self->first[j] / (sqrt(self->second[j] * scale) + epsilon);
    }
}

static void train_batch(struct adamw *self, const struct softmax_sample *batch, int64_t count, double lr) {
    double loss = 0;
    for (int64_t j = 0; j < self->count; j++) self->gradient[j] = 0;
    softmax_add(self->shape, batch, count, NULL, self->parameters, &loss, self->gradient);
    for (int64_t j = 0; j < self->count; j++) self->gradient[j] /= (double)count;
    update(self, lr);
}

static void train_epoch(struct adamw *self, const struct softmax_sample *sample, int64_t N, int epoch,
                        struct random_key key) {
    const int64_t steps = (N + BATCH - 1) / BATCH;
    struct softmax_sample batch[BATCH];
    for (int64_t step = 0; step < steps; step++) {
        const int64_t first = step * BATCH, count = N - first < BATCH ? N - first : BATCH;
        const double done = (double)(epoch * steps + step) / (double)(EPOCHS * steps);
        for (int64_t i = 0; i < count; i++) batch[i] = sample[random_permute(key, (uint64_t)N, (uint64_t)(first + i))];
        train_batch(self, batch, count, rate * (1 + cos(M_PI * done)) / 2);
    }
}

void linear_probe_adamw(const struct softmax_shape *shape, const struct softmax_sample *sample, int64_t N,
                        double weight_decay, uint64_t seed, double *parameters) {
    const int64_t count = softmax_parameters(shape);
    const struct random_key key = random_key(seed, "linear probe order");
    double *memory = xcalloc((size_t)count, 3 * sizeof *memory);
    struct adamw self = {shape, parameters, memory, memory + count, memory + 2 * count, count, weight_decay, 1, 1};
    begin_weights(shape, seed, parameters);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        train_epoch(&self, sample, N, epoch, random_subkey(key, (uint64_t)epoch));
    free(memory);
}
