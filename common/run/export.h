// The trained model as a folder in open_clip's hub layout: open_clip_model.safetensors, open_clip_config.json and the
// tokenizer. caption, embed, eval and train take it as --pretrained.
#pragma once

#include "model/params/config.h"

// From a checkpoint (its moving average when it holds one) of the run directory, the current one. 0 or -exit_code.
int export_model(const char *checkpoint, const char *folder);

int64_t export_bytes(const struct model_config *config); // of the files that are mapped meanwhile
