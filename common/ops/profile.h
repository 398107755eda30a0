#pragma once

#include "ops/ops.h"

void profile_release(struct ops *ops); // frees what ops_profile_start allocated, if it ran
