// The tensors of a task's head: an attentional pooler, a LayerNorm and a linear classifier. coca-head owns them, and
// model/towers/head_tower.c computes with them; a model without a head has none. All of them are of one layer, the
// highest there is, and no lock reaches them.
#include "model/params/layout_blocks.h"

// The classifier begins as zeros, as the one that ViT puts behind a pretrained model does (Dosovitskiy et al.,
// arXiv 2010.11929, section 3.2): the first loss is ln C whatever the states are, and nothing arbitrary goes back into
// the encoders before the classifier has learned. Models that were pretrained have no head, so a file may be without.
static void layout_head(struct params *params, const struct model_config *config) {
    const struct head_config *head = &config->head;
    int64_t K = config_state_width(config);
    if (head->task == TASK_NONE) return;
    add_pooler(params, "head.attn_pool", head->queries, K, K);
    params_layout_add_norm(params, K, "head.ln_post");
    params_layout_add_linear(params, SHAPE(head->classes, config_joined(config) * K), 0, "head.fc.weight");
    params_layout_add(params, SHAPE(head->classes), 0, 0, "head.fc.bias");
    for (int i = 0; i < params->count; i++) params->item[i].absence = ABSENCE_IN_TRAINING;
}

static const char *const prefixes[] = {"head.", NULL};
const struct model_part head_part = {"head", prefixes, layout_head};
