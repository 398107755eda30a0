// The units of a rank in order: the microbatches of its block of every step, over the ends of steps.
#pragma once

#include "train/protocol.h"
#include "train/topology.h"
#include "wire/ahead.h"

struct own_units {
    struct step_order order; // that is known; later steps follow from it
    int rank, ranks;
    int64_t step; // of the next unit
    int slot;     // of it among the own microbatches
};
void own_units_begin(struct own_units *own, int rank, int ranks);
// A step begins: units from there on, unless later ones were given out already.
void own_units_reach(struct own_units *own, const struct step_order *order);
// The `next` of a struct ahead whose context is a struct own_units. Ends before step order.steps, unless that is 0.
int own_units_next(void *own_units, bool wait, struct unit *unit);
