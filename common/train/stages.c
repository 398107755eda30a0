// The table itself. Each row is read by several files of this room and by coca-loss --prepare, so that a stage is added
// without touching any of them. What a stage computes is its own file's.
#include "train/stages.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static bool captions(const struct run_options *o) {
    return o->caption_weight > 0;
}

static bool contrasts(const struct run_options *o) {
    return o->contrastive_weight > 0;
}

// What a head reads, where the run has one.
static bool reads_image(const struct run_options *o) {
    return o->task != TASK_NONE && !tasks[o->task].reads_text;
}

static bool reads_text(const struct run_options *o) {
    return tasks[o->task].reads_text;
}

static bool tunes_image(const struct run_options *o) {
    return reads_image(o) && !o->frozen;
}

static bool tunes_text(const struct run_options *o) {
    return reads_text(o) && !o->frozen;
}

// The multimodal half takes part.
static bool decodes(const struct run_options *o) {
    return captions(o) || reads_text(o);
}

static bool decodes_back(const struct run_options *o) {
    return decodes(o) && !o->frozen;
}

// ---- image-encode

// Of --lr, which is the head's where there is one.
static double encoder_rate(const struct run_options *o) {
    return o->encoder_lr >= 0 && o->lr > 0 ? o->encoder_lr / o->lr : 1;
}

static struct tuning image_tuning(const struct run_options *o) {
    static const char *const behind_states[] = {"visual.attn_pool", "visual.proj", NULL},
                             *const behind_features[] = {"visual.attn_pool_contrastive", "visual.proj", NULL};
    return (struct tuning){.lock = o->lock_image,
                           .unlocked = (int)o->lock_image_unlocked_groups,
                           .layer_decay = o->layer_decay,
                           .frozen = o->frozen,
                           .rate = encoder_rate(o),
                           .idle = contrasts(o)     ? NULL
                                   : reads_image(o) ? behind_states
                                   : reads_text(o)  ? behind_features
                                                    : NULL};
}

static const struct stage_edge image_edges[] = {
    {"images", EDGE_PULL, EDGE_IN, NULL, false},
    {"features", EDGE_BIND, EDGE_OUT, NULL, false},
    {"features-grad", EDGE_BIND, EDGE_IN, NULL, false},
    {"embeddings", EDGE_CONNECT, EDGE_OUT, contrasts, false},
    {"embeddings-grad", EDGE_CONNECT, EDGE_IN, contrasts, true},
    {"states", EDGE_CONNECT, EDGE_OUT, reads_image, false},
    {"states-grad", EDGE_CONNECT, EDGE_IN, tunes_image, true},
    {"control", EDGE_CONNECT, EDGE_BOTH, NULL, false},
};

const struct stage_row image_row = {
    .role = ROLE_IMAGE,
    .part = &image_part,
    .device = 0,
    .threads = 0,
    .tuning = image_tuning,
    .edges = image_edges,
    .edge_count = sizeof image_edges / sizeof *image_edges,
    .options =
        "model pretrained image-size resample seed batch-size microbatch steps device precision weights threads replicas gradient-sum "
        "workers window recompute transport memory coca-caption-loss-weight coca-contrastive-loss-weight "
        "contrastive-loss optimizer beta1 beta2 eps wd lock-image lock-image-unlocked-groups layer-decay ema-decay "
        "adafactor-bf16-momentum dump dump-step first-step evaluate frames task encoder-lr frozen",
};

// ---- text-decode

static struct tuning text_tuning(const struct run_options *o) {
    static const char *const of_embedding[] = {"text.text_projection", "text.cls_emb", "text.ln_final", NULL},
                             *const of_words[] = {"text.text_projection", "text.cls_emb", "text.ln_final",
                                                  "text_decoder.text_projection", NULL};
    return (struct tuning){.lock = o->lock_text,
                           .unlocked = (int)o->lock_text_unlocked_layers,
                           .layer_decay = o->layer_decay,
                           .frozen = o->frozen,
                           .rate = encoder_rate(o),
                           .idle = contrasts(o) || !reads_text(o) ? NULL
                                   : captions(o)                  ? of_embedding
                                                                  : of_words};
}

static bool takes_texts(const struct run_options *o) {
    return decodes(o) || contrasts(o);
}

static double caption_weight(const struct run_options *o) {
    return o->caption_weight;
}

static double caption_chance(const struct model_config *config) {
    return log(config->text.vocab_size);
}

static const struct stage_edge text_edges[] = {
    {"tokens", EDGE_PULL, EDGE_IN, NULL, false},
    {"features", EDGE_CONNECT, EDGE_IN, decodes, false},
    {"features-grad", EDGE_CONNECT, EDGE_OUT, decodes_back, true},
    {"embeddings", EDGE_CONNECT, EDGE_OUT, contrasts, false},
    {"embeddings-grad", EDGE_CONNECT, EDGE_IN, contrasts, true},
    {"states", EDGE_CONNECT, EDGE_OUT, reads_text, false},
    {"states-grad", EDGE_CONNECT, EDGE_IN, tunes_text, true},
    {"control", EDGE_CONNECT, EDGE_BOTH, NULL, false},
};

static const struct stage_loss text_losses[] = {
    {"caption", "targets", caption_weight, caption_chance, .of_tokens = true},
};

const struct stage_row text_row = {
    .role = ROLE_TEXT,
    .part = &text_part,
    .device = 1,
    .threads = 1,
    .takes_part = takes_texts,
    .tuning = text_tuning,
    .edges = text_edges,
    .edge_count = sizeof text_edges / sizeof *text_edges,
    .losses = text_losses,
    .loss_count = sizeof text_losses / sizeof *text_losses,
    .options =
        "model tokenizer pretrained image-size seed batch-size microbatch steps device precision weights threads replicas gradient-sum "
        "tokenize-workers window recompute transport memory coca-caption-loss-weight coca-contrastive-loss-weight "
        "contrastive-loss optimizer beta1 beta2 eps wd lock-text lock-text-unlocked-layers layer-decay ema-decay "
        "adafactor-bf16-momentum dump dump-step dump-limit first-step evaluate captions task encoder-lr frozen",
};

// ---- head: third in --device and --threads, or where the last of them says

static bool has_head(const struct run_options *o) {
    return o->task != TASK_NONE;
}

static double head_weight(const struct run_options *o) {
    return has_head(o);
}

static double head_chance(const struct model_config *config) {
    return log(config->head.classes);
}

static const struct stage_edge head_edges[] = {
    {"labels", EDGE_PULL, EDGE_IN, NULL, false},
    {"states", EDGE_BIND, EDGE_IN, NULL, false},
    {"states-grad", EDGE_BIND, EDGE_OUT, NULL, true},
    {"control", EDGE_CONNECT, EDGE_BOTH, NULL, false},
};

static const struct stage_loss head_losses[] = {
    {"head", NULL, head_weight, head_chance, .of_tokens = false},
};

const struct stage_row head_row = {
    .role = ROLE_HEAD,
    .part = &head_part,
    .device = 2,
    .threads = 2,
    .takes_part = has_head,
    .edges = head_edges,
    .edge_count = sizeof head_edges / sizeof *head_edges,
    .losses = head_losses,
    .loss_count = sizeof head_losses / sizeof *head_losses,
    .options =
        "model pretrained image-size seed batch-size microbatch steps device precision threads replicas gradient-sum window transport memory task "
        "head-loss label-smoothing frozen optimizer beta1 beta2 eps wd ema-decay adafactor-bf16-momentum "
        "dump dump-step first-step evaluate scores",
};

// ---- loss: it computes beside text-decode, with image-encode's number of threads

static const struct stage_edge loss_edges[] = {
    {"embeddings", EDGE_BIND, EDGE_IN, NULL, false},
    {"embeddings-grad", EDGE_BIND, EDGE_OUT, NULL, false},
    {"control", EDGE_BIND, EDGE_BOTH, NULL, false},
};

const struct stage_row loss_row = {
    .role = ROLE_LOSS,
    .conducts = true,
    .part = &loss_part,
    .device = 1,
    .threads = 0,
    .edges = loss_edges,
    .edge_count = sizeof loss_edges / sizeof *loss_edges,
    .options =
        "model pretrained image-size batch-size microbatch steps seconds epochs max-seconds device threads replicas gradient-sum memory "
        "coca-caption-loss-weight coca-contrastive-loss-weight contrastive-loss contrastive optimizer lr beta1 "
        "beta2 eps wd warmup lr-scheduler grad-clip-norm ema-decay adafactor-bf16-momentum max-skipped "
        "max-drop-rate save-frequency keep checkpoint-memory val-frequency dump dump-step first-step evaluate",
};

__attribute__((weak)) const struct stage_row *const stage_rows[] = {&image_row, &text_row, &head_row, &loss_row, NULL};

// ---- looking things up

const struct stage_row *stage_find(const char *role) {
    for (const struct stage_row *const *row = stage_rows; *row; row++)
        if (!strcmp((*row)->role, role)) return *row;
    return NULL;
}

const struct stage_edge *stage_edge(const struct stage_row *row, const char *name) {
    for (int i = 0; i < row->edge_count; i++)
        if (!strcmp(row->edges[i].name, name)) return &row->edges[i];
    return NULL;
}

bool stage_uses(const struct stage_edge *edge, const struct run_options *options, bool trains) {
    return (trains || !edge->gradients) && (!edge->used || edge->used(options));
}

static int64_t decoders(const struct run_options *o) {
    return o->workers;
}

static int64_t labellers(const struct run_options *o) {
    (void)o;
    return 1;
}

static int64_t tokenizers(const struct run_options *o) {
    return o->tokenize_workers;
}

const struct worker_row *worker_of(const char *edge) {
    static const struct worker_row rows[] = {
        {"images", "decode", decoders}, {"tokens", "tokenize", tokenizers}, {"labels", "label", labellers}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].edge, edge)) return &rows[i];
    bug("no worker makes what edge %s carries", edge);
}

const struct model_part **stage_parts(int *count) {
    const struct model_part **parts = NULL;
    *count = 0;
    for (const struct stage_row *const *row = stage_rows; *row; row++) {
        parts = xrealloc_array(parts, (size_t)*count + 1, sizeof *parts);
        parts[(*count)++] = (*row)->part;
    }
    return parts;
}
