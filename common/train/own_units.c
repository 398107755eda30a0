// The follower asks for pictures and texts steps ahead of the conductor's orders, so it must know what later orders
// will say: a step has as many samples and microbatches as the one before it, and its samples follow on those.
#include "train/own_units.h"

void own_units_begin(struct own_units *own, int rank, int ranks) {
    *own = (struct own_units){.rank = rank, .ranks = ranks, .step = -1};
}

void own_units_reach(struct own_units *own, const struct step_order *order) {
    own->order = *order;
    if (own->step >= order->step) return;
    own->step = order->step;
    own->slot = 0;
}

int own_units_next(void *own_units, bool wait, struct unit *unit) {
    struct own_units *own = own_units;
    const struct step_order *order = &own->order;
    if (order->steps && own->step >= order->steps) return wait ? HUB_END : AHEAD_NOT_YET;
    struct share share = share_of(order->microbatches, own->rank, own->ranks);
    int64_t samples = order->batch / order->microbatches;
    int microbatch = share.first + own->slot;
    *unit = (struct unit){.step = own->step,
                          .microbatch = microbatch,
                          .first = order->first + (own->step - order->step) * order->batch + microbatch * samples,
                          .samples = (int32_t)samples};
    if (++own->slot < share.count) return 0;
    own->slot = 0;
    own->step++;
    return 0;
}
