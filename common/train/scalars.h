// What the contrastive loss learns, loss's only parameters: logit_scale, the logarithm of 1/τ, and where the model has
// one logit_bias.
#pragma once

#include "model/contrastive.h"
#include "train/part.h"

struct contrastive_scalars scalars_read(const struct part *part);
void scalars_set_gradient(const struct part *part, const struct contrastive_result *result);
// One update, then the clamp of logit_scale to [0, ln 100].
void scalars_step(struct part *part, double lr, double gradient_scale);
