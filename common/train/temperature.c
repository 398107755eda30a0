#include "train/temperature.h"

#include <math.h>

#define SCALE_LIMIT 100.0 // CLIP's

static struct weight logit_scale(const struct part *part) {
    return params_weight(part->params, "logit_scale");
}

double temperature_read(const struct part *part) {
    real value;
    part->ops->download(part->ops, &value, logit_scale(part).master, sizeof value);
    return (double)value;
}

void temperature_set_gradient(const struct part *part, double gradient) {
    real value = (real)gradient;
    part->ops->upload(part->ops, logit_scale(part).gradient, &value, sizeof value);
}

void temperature_step(struct part *part, double lr, double gradient_scale) {
    optimizer_step(part->optimizer, lr, gradient_scale);
    real value = (real)fmin(fmax(temperature_read(part), 0), log(SCALE_LIMIT));
    part->ops->upload(part->ops, logit_scale(part).master, &value, sizeof value);
    params_refresh(part->params);
}
