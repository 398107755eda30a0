// The table of a part's parameters: every name, shape and initial deviation stands once, in layout.c.
#pragma once

#include "model/params/params.h"

// Fills item, count and elements.
void layout_part(struct params *params, const struct model_config *config);
