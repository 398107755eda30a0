// logit_scale: the logarithm of 1/τ, loss's only parameter.
#pragma once

#include "train/part.h"

double temperature_read(const struct part *part); // the logarithm
void temperature_set_gradient(const struct part *part, double gradient);
// One update, then the clamp to [0, ln 100].
void temperature_step(struct part *part, double lr, double gradient_scale);
