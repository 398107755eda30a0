// Asks ahead of need for the microbatches of a pulled edge.
#pragma once

#include "train/protocol.h"
#include "wire/hub.h"

struct prefetch {
    struct edge *edge;
    int ahead;       // units asked for beyond the one that is needed
    int rank, ranks; // own microbatches are those with m mod ranks = rank
    int64_t step;    // next unit to ask for
    int microbatch;
};

void prefetch_begin(struct prefetch *prefetch, struct edge *edge, int ahead, int rank, int ranks);
// Before (order->step, microbatch) is taken: asks for it, and for what follows it, over the ends of steps.
void prefetch_reach(struct prefetch *prefetch, const struct step_order *order, int microbatch);
