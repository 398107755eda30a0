// Names of tensors as wrappers of a model leave them in its state_dict: DistributedDataParallel puts "module." before
// every name, torch.compile "_orig_mod.", and of a part that was compiled alone within its names.
#pragma once

#include "tensor/safetensors.h"

// Takes those words out of the names of the file's tensors, with a note. 0, or -EXIT_DATA where two names become one.
int names_unwrap(struct safetensors *file, const char *path);
