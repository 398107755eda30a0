// Applies a fine-tune's locks and layer decay to a part's parameters, whose groups and layers their layout has set
// (model/params/layout.h). A stage calls it before it makes the optimizer, which obeys `locked` and `rate`.
#include "optim/tuning.h"

#include <math.h>

#include "base/text.h"

static bool is_idle(const struct tuning *tuning, const char *name) {
    for (const char *const *idle = tuning->idle; idle && *idle; idle++)
        if (text_begins(name, *idle)) return true;
    return false;
}

static bool is_locked(const struct params *params, const struct tuning *tuning, const struct param *param) {
    const bool by_group = tuning->lock && param->group < params->groups - tuning->unlocked;
    return by_group || tuning->frozen || is_idle(tuning, param->name);
}

void tuning_apply(struct params *params, const struct tuning *tuning) {
    for (int i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        param->locked = is_locked(params, tuning, param);
        param->rate = tuning->rate * pow(tuning->layer_decay, params->top - param->layer);
    }
}

bool tuning_locks_all(const struct params *params) {
    for (int i = 0; i < params->count; i++)
        if (!params->item[i].locked) return false;
    return true;
}

void tuning_clear_locked(const struct params *params) {
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (param->locked)
            params->ops->zero(params->ops, params->gradient + param->offset,
                              (size_t)shape_count(param->shape) * sizeof(real));
    }
}
