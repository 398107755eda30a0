// What makes two models the same: stages compare it when they meet, and a checkpoint keeps it.
#include "base/hash.h"
#include "base/memory.h"
#include "model/params/config.h"

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
