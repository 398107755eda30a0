// What all optimizers have in common: the rule by which they step, how many updates they made, the moving average of
// the weights, and their files. A part that trains holds one (train/part.h); rules are adamw.c and adafactor.c, and
// when the learning rate is what is schedule.c's.
#include "optim/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "optim/optimizer_rule.h"

struct optimizer {
    struct params *params;
    struct optimizer_settings settings;
    const struct optimizer_rule *rule;
    void *rule_state;
    real *average; // [params->elements], NULL without
    int64_t updates;
    int64_t *updates_device; // a copy for files
};

static const struct optimizer_rule *const rules[] = {
    [OPTIMIZER_ADAMW] = &adamw_rule, [OPTIMIZER_ADAFACTOR] = &adafactor_rule};

static size_t block_bytes(const struct params *params) {
    return (size_t)params->elements * sizeof(real);
}

struct optimizer *optimizer_new(struct params *params, const struct optimizer_settings *settings) {
    struct optimizer *optimizer = xcalloc(1, sizeof *optimizer);
    optimizer->params = params;
    optimizer->settings = *settings;
    optimizer->rule = rules[settings->kind];
    optimizer->rule_state = optimizer->rule->new (params, settings);
    optimizer->updates_device = ops_allocate(params->ops, sizeof *optimizer->updates_device);
    if (settings->average_decay > 0) optimizer->average = ops_allocate(params->ops, block_bytes(params));
    return optimizer;
}

void optimizer_free(struct optimizer **optimizer) {
    if (!*optimizer) return;
    struct ops *ops = (*optimizer)->params->ops;
    (*optimizer)->rule->free((*optimizer)->rule_state, ops);
    ops_release(ops, (*optimizer)->updates_device);
    if ((*optimizer)->average) ops_release(ops, (*optimizer)->average);
    free(*optimizer);
    *optimizer = NULL;
}

int64_t optimizer_bytes(const struct params *params, const struct optimizer_settings *settings) {
    int64_t average = settings->average_decay > 0 ? (int64_t)block_bytes(params) : 0;
    return average + rules[settings->kind]->bytes(params, settings);
}

void optimizer_start(struct optimizer *optimizer) {
    struct params *params = optimizer->params;
    if (optimizer->average) params->ops->copy(params->ops, optimizer->average, params->master, block_bytes(params));
}

void optimizer_step(struct optimizer *optimizer, double lr, double gradient_scale) {
    struct params *params = optimizer->params;
    optimizer->updates++;
    optimizer->rule->step(optimizer->rule_state, params, &optimizer->settings, lr, optimizer->updates, gradient_scale);
    params_refresh(params);
    if (optimizer->average)
        params->ops->moving_average(params->ops, optimizer->average, params->master, optimizer->settings.average_decay,
                                    params->elements);
}

int64_t optimizer_updates(const struct optimizer *optimizer) {
    return optimizer->updates;
}

const real *optimizer_average(const struct optimizer *optimizer) {
    return optimizer->average;
}

// Everything that the optimizer's file holds.
static struct state own_state(const struct optimizer *optimizer) {
    struct state state = {.ops = optimizer->params->ops};
    state_add(&state, "updates", "", DT_I64, SHAPE(1), optimizer->updates_device);
    optimizer->rule->state(optimizer->rule_state, optimizer->params, &state);
    return state;
}

int optimizer_write(const struct optimizer *optimizer, const char *path, uint64_t *checksum, int64_t *size) {
    struct ops *ops = optimizer->params->ops;
    ops->upload(ops, optimizer->updates_device, &optimizer->updates, sizeof optimizer->updates);
    struct state state = own_state(optimizer);
    int status = state_write(&state, path, checksum, size);
    state_release(&state);
    return status;
}

int optimizer_read(struct optimizer *optimizer, const char *path) {
    struct ops *ops = optimizer->params->ops;
    struct state state = own_state(optimizer);
    int status = state_read(&state, path);
    state_release(&state);
    ops->download(ops, &optimizer->updates, optimizer->updates_device, sizeof optimizer->updates);
    return status;
}

int optimizer_average_write(const struct optimizer *optimizer, const char *path, uint64_t *checksum, int64_t *size) {
    return params_write(optimizer->params, optimizer->average, path, checksum, size);
}

int optimizer_average_read(struct optimizer *optimizer, const char *path) {
    struct state state = {.ops = optimizer->params->ops};
    for (int i = 0; i < optimizer->params->count; i++) {
        const struct param *param = &optimizer->params->item[i];
        state_add(&state, param->name, "", DT_REAL, param->shape, optimizer->average + param->offset);
    }
    int status = state_read(&state, path);
    state_release(&state);
    return status;
}
