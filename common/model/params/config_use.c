// What makes two models the same, and what a run decides of a model beyond its file: the contrastive loss that it is
// trained with, what its weights have, how large pictures are, and a head. Each is said twice, of a configuration in
// memory and of the JSON document that a run keeps, which must come to the same (run/run_model.c).
#include "model/params/config.h"

#include <math.h>

#include "base/hash.h"
#include "base/memory.h"

// SigLIP's.
#define SIGMOID_SCALE 10
#define SIGMOID_BIAS (-10)

uint64_t model_config_fingerprint(const struct model_config *c) {
    struct buffer text = {0};
    const struct vision_config *v = &c->vision;
    const struct text_config *t = &c->text;
    const struct decoder_config *d = &c->decoder;
    const struct head_config *h = &c->head;
    buffer_format(&text, "%d %d %d;", c->family, c->embed_dim, c->activation);
    buffer_format(&text, "%d %d %d %d %d %.17g %d %d %d %d %d;", v->image_size, v->patch_size, v->width, v->layers,
                  v->head_width, v->mlp_ratio, v->class_token, v->ln_pre, v->pool, v->queries, v->pooler_heads);
    for (int i = 0; i < 3; i++) buffer_format(&text, "%.9g %.9g;", v->mean[i], v->std[i]);
    buffer_format(&text, "%d %d %d %d %d %.17g %d %d %d %d %d;", t->context_length, t->vocab_size, t->width, t->heads,
                  t->layers, t->mlp_ratio, t->pad_id, t->bos_id, t->eos_id, t->pad_inside, t->correct_cls_mask);
    buffer_format(&text, "%d %d %d %.17g %d;", d->width, d->heads, d->layers, d->mlp_ratio, d->self_mlp);
    buffer_format(&text, "%d %d %d", c->preprocess.resize, c->preprocess.interpolation, c->preprocess.fill);
    // Fingerprints of models that have nothing of what follows are older than it.
    if (c->logit_bias || c->init_logit_scale != CLIP_LOGIT_SCALE)
        buffer_format(&text, ";%.17g %d %.17g", c->init_logit_scale, c->logit_bias, c->init_logit_bias);
    if (!v->proj) buffer_format(&text, "; no proj");
    if (h->task != TASK_NONE)
        buffer_format(&text, "; head %s %d %d %d %d", tasks[h->task].name, h->classes, h->queries, h->heads,
                      h->pictures);
    uint64_t hash = hash_bytes(text.bytes, text.size, 0);
    buffer_release(&text);
    return hash;
}

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
