// Position embeddings of a file for another number of positions, resampled as open_clip does when it loads weights: the
// grid of patches bicubically with antialiasing, the class token before it as it is; a caption's linearly.
#pragma once

#include "model/params/params.h"

// Whether `found` in a file can become the parameter, which differs in the number of positions only.
bool positions_fit(const struct param *param, struct shape found);
// to[rows of param, D] from[rows of found, D]
void positions_resample(real *to, const struct param *param, const real *from, struct shape found);
