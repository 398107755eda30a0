// What the contrastive loss learns: the logarithm of 1/τ and, for the sigmoid loss, the bias of its logits, which
// weights that were made by the softmax do not have. coca-loss owns them; in a file they are what no encoder claims.
#include "model/params/layout.h"

static void layout_loss(struct params *params, const struct model_config *config) {
    params_layout_add(params, (struct shape){0}, config->init_logit_scale, 0, "logit_scale");
    if (config->logit_bias)
        params_layout_add(params, (struct shape){0}, config->init_logit_bias, 0, "logit_bias")->absence =
            ABSENCE_ALLOWED;
}

const struct model_part loss_part = {"loss", NULL, layout_loss};
