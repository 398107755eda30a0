// Gradients and outputs of one step (design section 9). Each stage writes its part aside in --dump DIR, loss joins
// them.
#pragma once

#include "train/part.h"

// Writes the part's gradients and outputs (none: count 0): `aside` as .PART.grads.safetensors and
// .PART.outputs.safetensors for dump_join, else without the dots, as the whole dump of a stage alone. 0 or -EXIT_RUN.
int dump_write_part(const struct part *part, const struct tensor *outputs, int count, bool aside);

// Joins the parts into grads.safetensors and outputs.safetensors, writes losses.json, removes the parts. 0 or
// -exit_code.
int dump_join(const struct run *run, const char *losses);
