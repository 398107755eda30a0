// Several safetensors files as one.
#pragma once

#include "base/memory.h"
#include "tensor/safetensors.h"

// Writes the tensors of the files `from`, in their order, to `path`, with `metadata` as safetensors_write takes it;
// with `order` in the order of these names, of which a file may lack some, and others behind them (NULL: in the
// files'). A name that stands in several files is one tensor: the rows of all, along the first dimension, in the order
// of the files; type and other dimensions must agree. 0, -EXIT_DATA (a file that cannot be read, or does not agree) or
// -EXIT_RUN.
int safetensors_join(const char *path, const struct strings *from, const struct strings *order,
                     const char *const *metadata, size_t metadata_count);
