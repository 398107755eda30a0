// What --model, --pretrained and a missing --tokenizer mean as files: presets beside the executables, model folders,
// checkpoints, single files. run_model.c and coca-loss --prepare ask for paths, part_load for weights. Which tensors a
// part has, and what a name in a file means, is the model's (params_file.c).
#include "run/pretrained.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "model/params/names.h"
#include "run/checkpoint.h"

// data/models stands two levels above the executables of a build, one above those of a distribution.
static char *find_preset(const char *name) {
    static const char *const places[] = {"../../data/models", "../data/models"};
    char *folder = machine_program_folder(), *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places && !found; i++) {
        char *path = xformat("%s/%s/%s.json", folder, places[i], name);
        found = realpath(path, NULL);
        free(path);
    }
    free(folder);
    return found;
}

static int resolve_named(char **path, const char *model) {
    bool is_file = strchr(model, '/') || text_ends_alike(model, ".json");
    *path = is_file ? xstrdup(model) : find_preset(model);
    if (*path && file_exists(*path)) return 0;
    if (is_file) return error(EXIT_USAGE, "--model %s: no such file", model);
    return error(EXIT_USAGE,
                 "--model %s: no such preset in data/models beside the executables; a configuration file of "
                 "one's own ends in .json",
                 model);
}

// Beside the weights, or two levels above a checkpoint, in its run directory.
static char *find_beside(const char *pretrained, const char *name, const char *name_in_run) {
    char *folder = directory_exists(pretrained) ? xstrdup(pretrained) : path_parent(pretrained);
    char *path = path_join(folder, name);
    if (!file_exists(path)) {
        free(path);
        path = xformat("%s/../../%s", folder, name_in_run);
    }
    free(folder);
    if (file_exists(path)) return path;
    free(path);
    return NULL;
}

int model_resolve(char **path, const char *model, const char *pretrained) {
    if (model) return resolve_named(path, model);
    *path = find_beside(pretrained, PRETRAINED_CONFIG, "model.json");
    if (*path) return 0;
    return error(EXIT_USAGE, "--pretrained %s: no " PRETRAINED_CONFIG " beside it; give --model too", pretrained);
}

char *pretrained_tokenizer(const char *pretrained) {
    static const char *const names[] = {PRETRAINED_TOKENIZER, "tokenizer.json", "vocab.json",
                                        "bpe_simple_vocab_16e6.txt.gz"};
    char *path = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !path; i++)
        path = find_beside(pretrained, names[i], PRETRAINED_TOKENIZER);
    return path;
}

char *pretrained_labels(const char *pretrained) {
    return find_beside(pretrained, PRETRAINED_LABELS, PRETRAINED_LABELS);
}

bool pretrained_has_other_head(const char *pretrained, const struct head_config *head) {
    struct model_config config = {.head.task = TASK_NONE};
    char *path = find_beside(pretrained, PRETRAINED_CONFIG, "model.json");
    bool other = path && !model_config_read(&config, path) && config.head.task != TASK_NONE &&
                 memcmp(&config.head, head, sizeof *head);
    free(path);
    return other;
}

static int copy_neighbour(const char *from, const char *to, const char *name) {
    char *source = path_beside(from, name), *copy = path_beside(to, name);
    int status = file_exists(source) ? file_copy(source, copy) : 0;
    free(source);
    free(copy);
    return status;
}

int pretrained_copy_tokenizer(const char *from, const char *to) {
    const char *base = path_base(from);
    const bool copied = !strcmp(base, PRETRAINED_TOKENIZER);
    int status = file_copy(from, to);
    if (!status && (copied || !strcmp(base, "vocab.json"))) status = copy_neighbour(from, to, "merges.txt");
    if (!status && (copied || !strcmp(base, "merges.txt"))) status = copy_neighbour(from, to, "vocab.json");
    return status;
}

// Which part is to be filled, and of what.
struct request {
    struct params *params;
    bool average;
    const struct model_part *const *known;
    int count;
};

static int open_weights(struct safetensors *file, const char *path) {
    int status = safetensors_open(file, path);
    if (status) return status;
    status = names_unwrap(file, path);
    if (status) safetensors_close(file);
    return status;
}

static int load_file(const struct request *request, const char *path) {
    struct safetensors file;
    int status = open_weights(&file, path);
    if (status) return status;
    status = params_load(request->params, &file, path, request->known, request->count);
    safetensors_close(&file);
    return status;
}

// A head's tensors begin anew where the model was trained without one.
static bool needs_file(const struct params *params) {
    for (int i = 0; i < params->count; i++)
        if (params->item[i].absence == ABSENCE_REFUSED) return true;
    return false;
}

static int load_nothing(const struct request *request, const char *path) {
    static const struct safetensors nothing;
    return params_load(request->params, &nothing, path, request->known, request->count);
}

static int load_checkpoint(const struct request *request, const char *directory) {
    const char *part = request->params->part->name;
    struct checkpoint checkpoint;
    int status = checkpoint_read(&checkpoint, directory);
    if (status) return status;
    char *name = xformat("%s.ema.safetensors", part);
    if (!request->average || !checkpoint_file(&checkpoint, name)) {
        free(name);
        name = xformat("%s.safetensors", part);
    }
    char *path = path_join(directory, name);
    status = checkpoint_verify(&checkpoint, directory, name);
    if (!checkpoint_file(&checkpoint, name) && !needs_file(request->params))
        status = load_nothing(request, path);
    else if (!status)
        status = load_file(request, path);
    free(path);
    free(name);
    return status;
}

static int load_folder(const struct request *request, const char *folder) {
    char *weights = path_join(folder, PRETRAINED_WEIGHTS), *manifest = path_join(folder, "manifest.json");
    char *pickled = path_join(folder, PRETRAINED_PICKLED);
    int status;
    if (file_exists(weights))
        status = load_file(request, weights);
    else if (file_exists(manifest))
        status = load_checkpoint(request, folder);
    else if (file_exists(pickled))
        status = error(EXIT_USAGE,
                       "--pretrained %s: only " PRETRAINED_PICKLED " is there; turn it into " PRETRAINED_WEIGHTS
                       " with data/bin-to-safetensors.py",
                       folder);
    else
        status = error(EXIT_USAGE,
                       "--pretrained %s: neither a model folder (no " PRETRAINED_WEIGHTS
                       ") nor a checkpoint (no manifest.json)",
                       folder);
    free(weights);
    free(manifest);
    free(pickled);
    return status;
}

int pretrained_load(struct params *params, const char *pretrained, bool average, const struct model_part *const *known,
                    int count) {
    const struct request request = {params, average, known, count};
    if (directory_exists(pretrained)) return load_folder(&request, pretrained);
    if (file_exists(pretrained)) return load_file(&request, pretrained);
    return error(EXIT_USAGE, "--pretrained %s: no such file or folder", pretrained);
}

// ---- what weights say of the model

// The file that holds the image encoder, or NULL.
static char *image_weights(const char *pretrained) {
    static const char *const names[] = {PRETRAINED_WEIGHTS, "image.safetensors"};
    if (!directory_exists(pretrained)) return file_exists(pretrained) ? xstrdup(pretrained) : NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_join(pretrained, names[i]);
        if (file_exists(path)) return path;
        free(path);
    }
    return NULL;
}

int pretrained_complete(struct model_config *config, const char *pretrained) {
    char *path = config->vision.proj_is_open ? image_weights(pretrained) : NULL;
    if (!path) return 0;
    struct safetensors file;
    int status = open_weights(&file, path);
    if (!status) {
        model_config_use_proj(config, safetensors_find(&file, "visual.proj") != NULL);
        safetensors_close(&file);
    }
    free(path);
    return status;
}

// The one file that holds the whole model, or NULL.
static char *whole_model(const char *pretrained) {
    char *path = directory_exists(pretrained) ? path_join(pretrained, PRETRAINED_WEIGHTS) : xstrdup(pretrained);
    if (file_exists(path)) return path;
    free(path);
    return NULL;
}

int pretrained_look_through(const char *pretrained) {
    char *path = whole_model(pretrained);
    if (!path) return 0;
    struct safetensors file;
    const char *first = NULL;
    int odd = 0, status = safetensors_open(&file, path);
    for (size_t i = 0; i < file.count && !status; i++) {
        const struct tensor *tensor = &file.tensor[i];
        if (!dtype_finite(tensor->dtype, tensor->data, (size_t)shape_count(tensor->shape)) && !odd++)
            first = tensor->name;
    }
    if (odd) warn("%s: %d tensors hold numbers that are not finite (NaN or infinite), %s first", path, odd, first);
    if (!status) safetensors_close(&file);
    free(path);
    return status;
}

static bool is_of(const struct model_part *part, const char *name) {
    for (const char *const *prefix = part->prefixes; *prefix; prefix++)
        if (text_begins(name, *prefix)) return true;
    return false;
}

// A checkpoint has a file for each part.
bool pretrained_holds(const char *pretrained, const struct model_part *part) {
    char *own = xformat("%s/%s.safetensors", pretrained, part->name), *path = whole_model(pretrained);
    struct safetensors file;
    bool holds = file_exists(own);
    if (!holds && path && !open_weights(&file, path)) {
        for (size_t i = 0; i < file.count && !holds; i++) holds = is_of(part, file.tensor[i].name);
        safetensors_close(&file);
    }
    free(own);
    free(path);
    return holds;
}
