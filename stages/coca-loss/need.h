// What coca-loss takes, announced by it and planned with.
#pragma once

#include "train/conductor.h"
#include "train/memory.h"

struct memory_bytes loss_bytes(const struct part *part, const struct topology *topology, bool train);
