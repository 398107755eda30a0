// The parts of CoCa, for tests that go through a whole model: what programs go through is train/stages.h's table.
#pragma once

#include "model/params/part.h"

enum { MODEL_PARTS = 3 };
static const struct model_part *const model_parts[MODEL_PARTS] = {&image_part, &text_part, &loss_part};
