// Brings the loss part's scalars to the contrastive loss and its gradients back, and steps them. Each step of loss goes
// through here; layout and optimizer are those of every part.
#include "train/scalars.h"

#include <math.h>

#define SCALE_LIMIT 100.0 // CLIP's

// A scalar's place, or NULL where the model does not have it.
static const struct param *find(const struct part *part, const char *name) {
    return params_find(part->params, name);
}

static double read_scalar(const struct part *part, const char *name) {
    const struct param *param = find(part, name);
    real value = 0;
    if (param) part->ops->download(part->ops, &value, params_master(part->params, param), sizeof value);
    return (double)value;
}

static void set_gradient(const struct part *part, const char *name, double number) {
    const struct param *param = find(part, name);
    real value = (real)number;
    if (param) part->ops->upload(part->ops, part->params->gradient + param->offset, &value, sizeof value);
}

struct contrastive_scalars scalars_read(const struct part *part) {
    return (struct contrastive_scalars){read_scalar(part, "logit_scale"), read_scalar(part, "logit_bias")};
}

void scalars_set_gradient(const struct part *part, const struct contrastive_result *result) {
    set_gradient(part, "logit_scale", result->d_logit_scale);
    set_gradient(part, "logit_bias", result->d_logit_bias);
}

void scalars_step(struct part *part, double lr, double gradient_scale) {
    optimizer_step(part->optimizer, lr, gradient_scale);
    const real scale = (real)fmin(fmax(scalars_read(part).logit_scale, 0), log(SCALE_LIMIT));
    part->ops->upload(part->ops, params_master(part->params, find(part, "logit_scale")), &scale, sizeof scale);
    params_refresh(part->params);
}
