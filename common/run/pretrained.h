// Weights and configurations from outside a run: presets, model folders (open_clip's hub layout), checkpoints, files.
#pragma once

#include "model/params/params.h"

#define PRETRAINED_WEIGHTS "open_clip_model.safetensors"
#define PRETRAINED_PICKLED "open_clip_pytorch_model.bin" // of older folders
#define PRETRAINED_CONFIG "open_clip_config.json"
#define PRETRAINED_TOKENIZER "tokenizer.model"
#define PRETRAINED_LABELS "labels.txt" // of its head, one a line

// The configuration file that --model means: a path, or a preset of data/models beside the executables. With `model`
// NULL, the one that comes with `pretrained`. *path is the caller's. 0, or -EXIT_USAGE naming what was looked for.
int model_resolve(char **path, const char *model, const char *pretrained);

// The vocabulary that comes with `pretrained`, or NULL; the caller frees. Of several, what cocaflow writes is first.
char *pretrained_tokenizer(const char *pretrained);

char *pretrained_labels(const char *pretrained); // of its head, or NULL; the caller frees
// Whether it comes with a head, and that is another one than `head`: its tensors are then of no use.
bool pretrained_has_other_head(const char *pretrained, const struct head_config *head);

// Copies a vocabulary to the file `to`, and what it consists of besides (vocab.json, merges.txt) beside that.
int pretrained_copy_tokenizer(const char *from, const char *to);

// Fills the masters of one part from a model folder, a checkpoint directory or a .safetensors file. Names lose what
// wrappers put into them (model/params/names.h). `average`: a
// checkpoint's moving average, when it holds one. `known`, `count`: the parts that a model has (params_load). 0,
// -EXIT_USAGE (no such file, another model) or -EXIT_DATA.
int pretrained_load(struct params *params, const char *pretrained, bool average, const struct model_part *const *known,
                    int count);

// Whether it holds any tensor of the part, whose names have beginnings. Weights that cannot be read hold none.
bool pretrained_holds(const char *pretrained, const struct model_part *part);

// Settles from the weights what their configuration leaves open: whether two poolers end in visual.proj. Weights that
// are not there say nothing; pretrained_load reports them. 0 or -EXIT_DATA.
int pretrained_complete(struct model_config *config, const char *pretrained);

// Warns when a model's one file holds numbers that are not finite. For who starts a training: the parts warn too
// (params_load), but each in a log of its own. 0 or -EXIT_DATA.
int pretrained_look_through(const char *pretrained);
