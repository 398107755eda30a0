// AdamW or Adafactor over the parameters of one part, with an optional moving average of the weights. A rank of several
// has the state and the average of its own tensors, and updates these.
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

// One update of the own masters from gradient_scale·gradient; renews their values in the compute type and the average.
void optimizer_step(struct optimizer *optimizer, double lr, double gradient_scale);
int64_t optimizer_updates(const struct optimizer *optimizer);

// The average, [params->own_elements]; NULL without one. Begins as a copy of the masters at optimizer_start.
const real *optimizer_average(const struct optimizer *optimizer);
void optimizer_start(struct optimizer *optimizer); // the masters hold the weights that training starts from

// What is written of it: the optimizer's own state and the number of updates; the average, under the parameters' names.
// Good until the next step, and released by the caller (state_release).
struct state optimizer_state(const struct optimizer *optimizer);
struct state optimizer_average_state(const struct optimizer *optimizer);
// Reads such a file, of which a rank takes its own tensors. 0 or as state_read.
int optimizer_read(struct optimizer *optimizer, const char *path);
int optimizer_average_read(struct optimizer *optimizer, const char *path);
