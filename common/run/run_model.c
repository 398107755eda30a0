// Which files a process takes configuration and vocabulary from: the run's own copies, unless others were typed; and
// what the contrastive loss and the size of pictures that were chosen make of a configuration.
#include "run/run_model.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "run/pretrained.h"

// A run has its own copy of the configuration. Elsewhere weights bring theirs, unless --model was given.
static int model_path(const struct run *run, char **path) {
    const struct run_options *o = &run->options;
    const bool given = option_given(&run->table, &o->model);
    if (!given && run->start.id[0]) {
        *path = xstrdup("model.json");
        return 0;
    }
    const bool from_weights = !given && o->pretrained;
    return model_resolve(path, from_weights ? NULL : o->model, o->pretrained);
}

int run_model_read(const struct run *run, struct model_config *config) {
    char *path = NULL;
    int status = model_path(run, &path);
    if (!status) status = run_model_config(run, path, config);
    free(path);
    return status;
}

int run_model_config(const struct run *run, const char *path, struct model_config *config) {
    const struct run_options *o = &run->options;
    int status = model_config_read(config, path);
    if (!status && o->pretrained) status = pretrained_complete(config, o->pretrained);
    if (!status && o->contrastive_loss == CONTRASTIVE_SIGMOID) model_config_use_sigmoid(config);
    if (!status && o->image_size) status = model_config_use_image_size(config, (int)o->image_size);
    return status;
}

// Whether --pretrained says what the file leaves open, and then in *proj.
static int read_proj(const struct run *run, const char *path, bool *open, bool *proj) {
    struct model_config config;
    if (!run->options.pretrained) return 0;
    int status = model_config_read(&config, path);
    *open = !status && config.vision.proj_is_open;
    if (*open) status = pretrained_complete(&config, run->options.pretrained);
    *proj = config.vision.proj;
    return status;
}

int run_model_copy(const struct run *run, const char *from, const struct head_config *head, const char *to) {
    const bool sigmoid = run->options.contrastive_loss == CONTRASTIVE_SIGMOID;
    const int image_size = (int)run->options.image_size;
    bool open = false, proj = false;
    int status = read_proj(run, from, &open, &proj);
    if (status) return status;
    if (!sigmoid && !open && !image_size && !head) return file_copy(from, to);
    json_t *document = json_read(from, MODEL_CONFIG_BYTES);
    if (!document) return -EXIT_DATA;
    if (sigmoid) model_config_use_sigmoid_json(document);
    if (open) model_config_use_proj_json(document, proj);
    if (head) model_config_use_head_json(document, head);
    if (image_size) model_config_use_image_size_json(document, image_size);
    status = json_write(to, document);
    json_decref(document);
    return status;
}

int run_pictures(const struct run *run, const struct model_config *config) {
    if (run->options.task != TASK_NONE) return config_pictures(config);
    return run->options.frames ? (int)run->options.frames : 1;
}

enum contrastive_kind run_contrastive_kind(const struct run *run, const struct model_config *config) {
    if (run->options.contrastive_loss != CONTRASTIVE_OF_MODEL)
        return (enum contrastive_kind)run->options.contrastive_loss;
    return config->logit_bias ? CONTRASTIVE_SIGMOID : CONTRASTIVE_SOFTMAX;
}

char *run_tokenizer(const struct run *run) {
    const struct run_options *o = &run->options;
    const bool given = option_given(&run->table, &o->tokenizer);
    if (!given && run->start.id[0] && file_exists(PRETRAINED_TOKENIZER)) return xstrdup(PRETRAINED_TOKENIZER);
    if (o->tokenizer) return xstrdup(o->tokenizer);
    return o->pretrained ? pretrained_tokenizer(o->pretrained) : NULL;
}

char *run_labels(const struct run *run) {
    const struct run_options *o = &run->options;
    if (!option_given(&run->table, &o->head_labels) && run->start.id[0] && file_exists(PRETRAINED_LABELS))
        return xstrdup(PRETRAINED_LABELS);
    if (o->head_labels) return xstrdup(o->head_labels);
    return o->pretrained ? pretrained_labels(o->pretrained) : NULL;
}
