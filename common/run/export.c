// The last thing a training does: its checkpoint's files, one for each stage, become one model folder that other
// programs read as well. conductor_train calls it when the followers have left; pretrained.c reads the folder back.
#include "run/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "run/checkpoint.h"
#include "run/pretrained.h"
#include "tensor/safetensors_join.h"

// The file of one part: its moving average when the checkpoint has one.
static char *part_file(const struct checkpoint *checkpoint, const char *directory, const char *part) {
    char *name = xformat("%s.ema.safetensors", part);
    bool averaged = checkpoint_file(checkpoint, name);
    free(name);
    return xformat("%s/%s%s.safetensors", directory, part, averaged ? ".ema" : "");
}

static int export_weights(const char *directory, const char *folder, const struct model_part *const *part, int count,
                          const struct strings *more) {
    static const char *const metadata[] = {"format=pt"};
    struct checkpoint checkpoint;
    struct strings paths = {0};
    int status = checkpoint_read(&checkpoint, directory);
    for (int i = 0; i < count && !status; i++) {
        char *path = part_file(&checkpoint, directory, part[i]->name);
        strings_add_text(&paths, path);
        free(path);
    }
    for (size_t i = 0; more && i < more->count; i++) strings_add_text(&paths, more->item[i]);
    char *weights = path_join(folder, PRETRAINED_WEIGHTS);
    if (!status) status = safetensors_join(weights, &paths, NULL, metadata, 1);
    free(weights);
    strings_release(&paths);
    return status;
}

static json_t *channels(const float value[3]) {
    json_t *list = json_array();
    for (int i = 0; i < 3; i++) {
        char text[32]; // the shortest that reads back to the same float, not the double's digits
        snprintf(text, sizeof text, "%.9g", value[i]);
        json_array_append_new(list, json_real(strtod(text, NULL)));
    }
    return list;
}

// The configuration under model_cfg, and under preprocess_cfg how pictures are prepared. open_clip refuses a key that
// it does not know, and this one is said by the weights.
static json_t *hub_config(json_t *model, const struct model_config *config) {
    json_t *preprocess =
        json_pack("{s:i, s:s, s:o, s:o, s:s, s:s, s:i}", "size", config->vision.image_size, "mode", "RGB", "mean",
                  channels(config->vision.mean), "std", channels(config->vision.std), "interpolation",
                  interpolation_names[config->preprocess.interpolation], "resize_mode",
                  resize_mode_names[config->preprocess.resize], "fill_color", config->preprocess.fill);
    if (json_object_get(model, "model_cfg")) model = json_object_get(model, "model_cfg");
    json_object_del(json_object_get(model, "vision_cfg"), "attn_pool_proj");
    return json_pack("{s:O, s:o}", "model_cfg", model, "preprocess_cfg", preprocess);
}

static int export_config(const char *folder) {
    struct model_config config;
    int status = model_config_read(&config, "model.json");
    json_t *model = status ? NULL : json_read("model.json", MODEL_CONFIG_BYTES);
    if (!model) return status ? status : -EXIT_DATA;
    json_t *document = hub_config(model, &config);
    char *path = path_join(folder, PRETRAINED_CONFIG);
    status = json_write(path, document);
    free(path);
    json_decref(document);
    json_decref(model);
    return status;
}

// The configuration last: who finds it in a folder takes the rest for whole.
int export_model(const char *checkpoint, const char *folder, const struct model_part *const *part, int count,
                 const struct strings *more) {
    char *tokenizer = path_join(folder, PRETRAINED_TOKENIZER), *labels = path_join(folder, PRETRAINED_LABELS);
    int status = directory_make(folder);
    if (!status) status = export_weights(checkpoint, folder, part, count, more);
    if (!status && file_exists(PRETRAINED_TOKENIZER))
        status = pretrained_copy_tokenizer(PRETRAINED_TOKENIZER, tokenizer);
    if (!status && file_exists(PRETRAINED_LABELS)) status = file_copy(PRETRAINED_LABELS, labels);
    if (!status) status = export_config(folder);
    free(labels);
    free(tokenizer);
    return status;
}

int64_t export_bytes(const struct model_config *config, const struct model_part *const *part, int count) {
    int64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        struct params *layout = params_layout(config, part[i]);
        bytes += params_count(layout) * (int64_t)sizeof(float);
        params_free(&layout);
    }
    return bytes;
}
