// What a run decides of a model beyond its file: the contrastive loss that it is trained with, what its weights have,
// how large pictures are, and a head. Each is said twice, of a configuration in memory and of the JSON document that a
// run keeps, which must come to the same (run/run_model.c).
#include "model/params/config.h"

#include <math.h>

// SigLIP's.
#define SIGMOID_SCALE 10
#define SIGMOID_BIAS (-10)

// The model in a file of either layout.
static json_t *model_of(json_t *document) {
    json_t *model = json_object_get(document, "model_cfg");
    return json_is_object(model) ? model : document;
}

void model_config_use_sigmoid(struct model_config *config) {
    if (config->logit_bias) return;
    config->init_logit_scale = log(SIGMOID_SCALE);
    config->logit_bias = true;
    config->init_logit_bias = SIGMOID_BIAS;
    config->fingerprint = model_config_fingerprint(config);
}

void model_config_use_sigmoid_json(json_t *document) {
    json_t *model = model_of(document);
    if (json_is_number(json_object_get(model, "init_logit_bias"))) return;
    json_object_set_new(model, "init_logit_scale", json_real(log(SIGMOID_SCALE)));
    json_object_set_new(model, "init_logit_bias", json_real(SIGMOID_BIAS));
}

void model_config_use_proj(struct model_config *config, bool proj) {
    config->vision.proj = proj;
    config->vision.proj_is_open = false;
    config->fingerprint = model_config_fingerprint(config);
}

void model_config_use_proj_json(json_t *document, bool proj) {
    json_object_set_new(json_object_get(model_of(document), "vision_cfg"), "attn_pool_proj", json_boolean(proj));
}

int model_config_use_image_size(struct model_config *config, int image_size) {
    char where[64];
    snprintf(where, sizeof where, "--image-size %d", image_size);
    int status = model_config_check_side(where, image_size, config->vision.patch_size);
    if (status) return status;
    config->vision.image_size = image_size;
    config->fingerprint = model_config_fingerprint(config);
    return 0;
}

void model_config_use_image_size_json(json_t *document, int image_size) {
    json_t *preprocess = json_object_get(document, "preprocess_cfg");
    json_object_set_new(json_object_get(model_of(document), "vision_cfg"), "image_size", json_integer(image_size));
    if (json_object_get(preprocess, "size")) json_object_set_new(preprocess, "size", json_integer(image_size));
}

void model_config_use_head(struct model_config *config, const struct head_config *head) {
    config->head = *head;
    config->fingerprint = model_config_fingerprint(config);
}

// A head of no task is none.
void model_config_use_head_json(json_t *document, const struct head_config *head) {
    json_t *model = model_of(document);
    if (head->task == TASK_NONE)
        json_object_del(model, "head_cfg");
    else
        json_object_set_new(model, "head_cfg",
                            json_pack("{s:s, s:i, s:i, s:i, s:i}", "task", tasks[head->task].name, "classes",
                                      head->classes, "queries", head->queries, "heads", head->heads, "pictures",
                                      head->pictures));
}
