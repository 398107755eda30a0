// AdamW (Loshchilov & Hutter 2019): two moments of every parameter. A rule of optimizer.c; the arithmetic is the
// operation's (ops.def), which takes a run of tensors at once wherever they are stepped alike.
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "optim/optimizer_rule.h"

struct adamw {
    real *first, *second; // [params->own_elements] each
};

static int64_t adamw_bytes(const struct params *params, const struct optimizer_settings *settings) {
    (void)settings;
    return 2 * params->own_elements * (int64_t)sizeof(real);
}

static void *adamw_new(struct params *params, const struct optimizer_settings *settings) {
    size_t bytes = (size_t)adamw_bytes(params, settings) / 2;
    struct adamw *adamw = xcalloc(1, sizeof *adamw);
    adamw->first = ops_allocate(params->ops, bytes);
    adamw->second = ops_allocate(params->ops, bytes);
    return adamw;
}

static void adamw_free(void *rule, struct ops *ops) {
    struct adamw *adamw = rule;
    ops_release(ops, adamw->first);
    ops_release(ops, adamw->second);
    free(adamw);
}

// The end of the run of tensors from `i` on that are stepped alike. They lie side by side: the gaps between them are
// zero in every block and stay so.
static int run_end(const struct params *params, int i) {
    const struct param *first = &params->item[i], *item = first;
    while (i < params->count && item->owner == first->owner && item->decay == first->decay &&
           item->locked == first->locked && item->rate == first->rate)
        item = &params->item[++i];
    return i;
}

static void adamw_update(void *rule, struct params *params, const struct optimizer_settings *settings, double lr,
                         int64_t update, double gradient_scale) {
    struct adamw *adamw = rule;
    struct adamw_step step = {.beta1 = settings->beta1,
                              .beta2 = settings->beta2,
                              .eps = settings->eps,
                              .correction1 = 1 - pow(settings->beta1, (double)update),
                              .correction2 = 1 - pow(settings->beta2, (double)update),
                              .gradient_scale = gradient_scale};
    for (int i = 0, end; i < params->count; i = end) {
        const struct param *param = &params->item[i];
        end = run_end(params, i);
        if (param->locked || param->own < 0) continue;
        step.lr = lr * param->rate;
        step.weight_decay = param->decay ? settings->weight_decay : 0;
        params->ops->adamw(params->ops, params_master(params, param), adamw->first + param->own,
                           adamw->second + param->own, params->gradient + param->offset, params_span(params, i, end),
                           &step);
    }
}

// PyTorch's names of the moments.
static void adamw_state(void *rule, const struct params *params, struct state *state) {
    struct adamw *adamw = rule;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const bool own = param->own >= 0;
        state_add(state, param->name, ".exp_avg", DT_REAL, param->shape, own ? adamw->first + param->own : NULL);
        state_add(state, param->name, ".exp_avg_sq", DT_REAL, param->shape, own ? adamw->second + param->own : NULL);
    }
}

const struct optimizer_rule adamw_rule = {adamw_new, adamw_free, adamw_update, adamw_state, adamw_bytes};
