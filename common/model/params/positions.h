// Position embeddings of a file for another number of positions. A class token's is kept as it is; the grid of patches
// behind it is resampled along both axes by one of two rules, which the field's programs do not agree on:
//
//   bicubic  open_clip's: torch.nn.functional.interpolate with antialias, align_corners off. The cubic's coefficient is
//            Pillow's, a = -0.5. Without antialias PyTorch's is a = -0.75, and differs also where a grid grows and
//            there is nothing to antialias: ALBEF, which resamples so, has other numbers even at an exact factor of 2.
//   linear   big_vision's: scipy.ndimage.zoom of order 1. Corners stay where they are, and a smaller grid takes single
//            places of the larger, not their means. Where rounding puts scipy's last row and column outside the grid
//            (32 to 16) it makes zeros of them; here they are the corners' as everywhere.
//
// A caption's are resampled linearly as open_clip does it: places are spread over the same length, align_corners off.
#pragma once

#include "model/params/params.h"

// Whether `found` in a file can become the parameter, which differs in the number of positions only.
bool positions_fit(const struct param *param, struct shape found);
// to[rows of param, D] from[rows of found, D]; `resample` is a grid's rule.
void positions_resample(real *to, const struct param *param, enum resample resample, const real *from,
                        struct shape found);
// The rule that the parameter is resampled by, in words.
const char *positions_rule(const struct param *param, enum resample resample);
