// What the contrastive loss learns: the logarithm of 1/τ. coca-loss owns it; in a file it is what no encoder claims.
#include <math.h>

#include "model/params/layout.h"

static void layout_loss(struct params *params, const struct model_config *config) {
    (void)config;
    params_layout_add(params, (struct shape){0}, -log(0.07), 0, "logit_scale");
}

const struct model_part loss_part = {"loss", NULL, layout_loss};
