// Gradients and outputs of one step (design section 9). Each rank of each stage writes its part aside in --dump DIR,
// loss joins them.
#pragma once

#include "train/part.h"
#include "train/topology.h"

// Writes the gradients of the part's own tensors and outputs (none: count 0; a rank's own microbatches in order):
// `aside` as .PART.RANK.grads.safetensors and .PART.RANK.outputs.safetensors for dump_join, else as
// PART.grads.safetensors and PART.outputs.safetensors, the whole dump of a stage alone. 0 or -EXIT_RUN.
int dump_write_part(const struct part *part, int rank, const struct tensor *outputs, int count, bool aside);

// Joins the parts into grads.safetensors, in the order of the stages' tables, and outputs.safetensors, outputs of
// several ranks along their first dimension; writes losses.json, removes the parts. `part` is any of the run's. 0 or
// -exit_code.
int dump_join(const struct part *part, const struct topology *topology, const char *losses);
