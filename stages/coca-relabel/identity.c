// Weights are known by their bytes, not by their path: hosts may have them in different places, and a path may come to
// hold others.
#include "identity.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "ops/ops.h"
#include "run/pretrained.h"
#include "run/run_model.h"

static int add_file(json_t *settings, const char *name, const char *path) {
    uint64_t hash;
    int status = hash_file(path, &hash);
    if (!status) json_object_set_new(settings, name, json_hash(hash));
    return status;
}

// A model folder has one file of weights, a checkpoint one of each part, and its moving average where there is one.
static int add_weights(json_t *settings, const char *pretrained) {
    static const char *const names[] = {PRETRAINED_WEIGHTS, "image.safetensors", "text.safetensors",
                                        "image.ema.safetensors", "text.ema.safetensors"};
    int status = 0;
    if (!directory_exists(pretrained)) return add_file(settings, "weights", pretrained);
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        char *path = path_join(pretrained, names[i]);
        if (file_exists(path)) status = add_file(settings, names[i], path);
        free(path);
    }
    return status;
}

int identity_add_model(json_t *settings, const struct run *run) {
    const char *pretrained = run->options.pretrained;
    char *config = NULL, *tokenizer = run_tokenizer(run);
    int status = pretrained ? add_weights(settings, pretrained) : error(EXIT_USAGE, "--pretrained says whose captions");
    if (!status) status = model_resolve(&config, run->options.model, pretrained);
    if (!status) status = add_file(settings, "model", config);
    if (!status && tokenizer) status = add_file(settings, "tokenizer", tokenizer);
    free(config);
    free(tokenizer);
    return status;
}

void identity_add_numerics(json_t *settings, const struct run *run) {
    const struct run_options *o = &run->options;
    const bool on_gpu = o->device && text_begins(o->device, "cuda");
    const char *level = ops_cpu_level(o->precision == PRECISION_BF16 ? DT_BF16 : DT_F32);
    json_object_set_new(settings, "precision", json_string(o->precision == PRECISION_BF16 ? "bf16" : "fp32"));
    json_object_set_new(settings, "weights-kept", json_string(o->weights == WEIGHTS_INT8 ? "int8" : "precision"));
    json_object_set_new(settings, "microbatch", json_integer(o->microbatch));
    json_object_set_new(settings, "seed", json_integer(o->seed));
    json_object_set_new(settings, "image-size", json_integer(o->image_size));
    json_object_set_new(settings, "device", json_string(on_gpu ? "cuda" : "cpu"));
    if (!on_gpu) json_object_set_new(settings, "COCA_ISA", json_string(level));
}
