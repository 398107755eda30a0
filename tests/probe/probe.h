// A stage of a test: a linear map on features learns which pictures have odd numbers. What a stateful stage takes is
// shown by it: its own file, a row of the table, the layout of its tensors, a script.
#pragma once

#include "train/stages.h"

enum { PROBE_CLASSES = 2 };
extern const struct stage_row probe_row;
