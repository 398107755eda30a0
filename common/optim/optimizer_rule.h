// One update rule: the state it keeps and how it steps. Private to the optimizer files.
#pragma once

#include "optim/optimizer.h"

struct optimizer_rule {
    void *(*new)(struct params *params, const struct optimizer_settings *settings);
    void (*free)(void *rule, struct ops *ops);
    // `update` counts from 1.
    void (*step)(void *rule, struct params *params, const struct optimizer_settings *settings, double lr,
                 int64_t update, double gradient_scale);
    void (*state)(void *rule, const struct params *params, struct state *state); // adds its tensors
    int64_t (*bytes)(const struct params *params, const struct optimizer_settings *settings);
};
extern const struct optimizer_rule adamw_rule, adafactor_rule;
