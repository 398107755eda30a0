// What ops.c must undo of a profile; the rest of it is in ops.h.
#pragma once

#include "ops/ops.h"

void profile_release(struct ops *ops); // frees what ops_profile_start allocated, if it ran
