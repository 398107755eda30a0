// AdamW or Adafactor over the parameters of one part, with an optional moving average of the weights.
#pragma once

#include "model/params/params.h"
#include "optim/state.h"

enum optimizer_kind { OPTIMIZER_ADAMW, OPTIMIZER_ADAFACTOR };

struct optimizer_settings {
    enum optimizer_kind kind;
    double beta1, beta2, eps, weight_decay;
    bool bf16_momentum;   // Adafactor's
    double average_decay; // of the moving average; 0: none
};

struct optimizer;
struct optimizer *optimizer_new(struct params *params, const struct optimizer_settings *settings);
void optimizer_free(struct optimizer **optimizer);
int64_t optimizer_bytes(const struct params *params, const struct optimizer_settings *settings);

// One update of the masters from gradient_scale·gradient; renews the values in the compute type and the average.
void optimizer_step(struct optimizer *optimizer, double lr, double gradient_scale);
int64_t optimizer_updates(const struct optimizer *optimizer);

// The average, laid out as the masters; NULL without one. Begins as a copy of the masters at optimizer_start.
const real *optimizer_average(const struct optimizer *optimizer);
void optimizer_start(struct optimizer *optimizer); // the masters hold the weights that training starts from

// The optimizer's own state and the number of updates; the average, under the parameters' names.
int optimizer_write(const struct optimizer *optimizer, const char *path, uint64_t *checksum, int64_t *size);
int optimizer_read(struct optimizer *optimizer, const char *path);
int optimizer_average_write(const struct optimizer *optimizer, const char *path, uint64_t *checksum, int64_t *size);
int optimizer_average_read(struct optimizer *optimizer, const char *path);
