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
    real *average; // [params->own_elements], NULL without
    int64_t updates;
    int64_t *updates_device; // a copy for files
};

static const struct optimizer_rule *const rules[] = {
    [OPTIMIZER_ADAMW] = &adamw_rule, [OPTIMIZER_ADAFACTOR] = &adafactor_rule};

static size_t block_bytes(const struct params *params) {
    return (size_t)params->own_elements * sizeof(real);
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
    const struct params *params = optimizer->params;
    for (int i = 0, end; optimizer->average && i < params->count; i = end) {
        const struct param *param = &params->item[i];
        end = params_run_end(params, i);
        if (param->own < 0) continue;
        params->ops->copy(params->ops, optimizer->average + param->own, params_master(params, param),
                          (size_t)params_span(params, i, end) * sizeof(real));
    }
}

static void follow(const struct optimizer *optimizer) {
    const struct params *params = optimizer->params;
    for (int i = 0, end; i < params->count; i = end) {
        const struct param *param = &params->item[i];
        end = params_run_end(params, i);
        if (param->own < 0) continue;
        params->ops->moving_average(params->ops, optimizer->average + param->own, params_master(params, param),
                                    optimizer->settings.average_decay, params_span(params, i, end));
    }
}

void optimizer_step(struct optimizer *optimizer, double lr, double gradient_scale) {
    struct params *params = optimizer->params;
    optimizer->updates++;
    optimizer->rule->step(optimizer->rule_state, params, &optimizer->settings, lr, optimizer->updates, gradient_scale);
    params_refresh(params);
    if (optimizer->average) follow(optimizer);
}

int64_t optimizer_updates(const struct optimizer *optimizer) {
    return optimizer->updates;
}

const real *optimizer_average(const struct optimizer *optimizer) {
    return optimizer->average;
}

// Everything that the optimizer's file holds.
static struct state whole_state(const struct optimizer *optimizer, int64_t *updates) {
    struct state state = {.ops = optimizer->params->ops};
    state_add(&state, "updates", "", DT_I64, SHAPE(1), updates);
    optimizer->rule->state(optimizer->rule_state, optimizer->params, &state);
    return state;
}

struct state optimizer_state(const struct optimizer *optimizer) {
    struct ops *ops = optimizer->params->ops;
    ops->upload(ops, optimizer->updates_device, &optimizer->updates, sizeof optimizer->updates);
    return whole_state(optimizer, optimizer->params->rank ? NULL : optimizer->updates_device);
}

int optimizer_read(struct optimizer *optimizer, const char *path) {
    struct ops *ops = optimizer->params->ops;
    struct state state = whole_state(optimizer, optimizer->updates_device);
    int status = state_read(&state, path);
    state_release(&state);
    ops->download(ops, &optimizer->updates, optimizer->updates_device, sizeof optimizer->updates);
    return status;
}

struct state optimizer_average_state(const struct optimizer *optimizer) {
    struct state state = {.ops = optimizer->params->ops};
    for (int i = 0; i < optimizer->params->count; i++) {
        const struct param *param = &optimizer->params->item[i];
        state_add(&state, param->name, "", DT_REAL, param->shape,
                  param->own < 0 ? NULL : optimizer->average + param->own);
    }
    return state;
}

int optimizer_average_read(struct optimizer *optimizer, const char *path) {
    struct state state = optimizer_average_state(optimizer);
    int status = state_read(&state, path);
    state_release(&state);
    return status;
}
