// Weights that are not finite are said before anything is computed with them.
#pragma once

#include "model/params/params.h"

// Looks through those tensors of the file that the part loads. Where some hold NaN or infinite numbers it is said of
// the first of them: a warning where `params` are trained, for steps that meet the number are skipped and said
// (train/training_step.c), else -EXIT_DATA, for it would end up in what is written. Else 0. In ops->threads threads.
int finite_check(const struct params *params, const struct safetensors *file, const char *path);
