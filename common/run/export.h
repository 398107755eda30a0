// The trained model as a folder in open_clip's hub layout: open_clip_model.safetensors, open_clip_config.json and the
// tokenizer. caption, embed, eval and train take it as --pretrained.
#pragma once

#include <stdint.h>

#include "base/memory.h"
#include "model/params/part.h"

// The parts of the model from a checkpoint (their moving averages when it holds them) of the run directory, the current
// one, with the tensors of the files `more` (NULL: none) behind them. 0 or -exit_code.
int export_model(const char *checkpoint, const char *folder, const struct model_part *const *part, int count,
                 const struct strings *more);

// Of the files that are mapped meanwhile.
int64_t export_bytes(const struct model_config *config, const struct model_part *const *part, int count);
