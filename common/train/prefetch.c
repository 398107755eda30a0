#include "train/prefetch.h"

void prefetch_begin(struct prefetch *prefetch, struct edge *edge, int ahead, int rank, int ranks) {
    *prefetch = (struct prefetch){.edge = edge, .ahead = ahead, .rank = rank, .ranks = ranks, .step = -1};
}

// Own microbatches between (order->step, microbatch) and the next unit to ask for.
static int64_t reach(const struct prefetch *prefetch, const struct step_order *order, int microbatch) {
    int64_t own = order->microbatches / prefetch->ranks + (prefetch->rank < order->microbatches % prefetch->ranks);
    return (prefetch->step - order->step) * own + (prefetch->microbatch - microbatch) / prefetch->ranks;
}

static void ask(struct prefetch *prefetch, const struct step_order *order) {
    int64_t samples = order->batch / order->microbatches;
    struct unit unit = {.step = prefetch->step,
                        .microbatch = prefetch->microbatch,
                        .first = order->first + (prefetch->step - order->step) * order->batch +
                                 prefetch->microbatch * samples,
                        .samples = (int32_t)samples};
    edge_want(prefetch->edge, ANYBODY, unit);
    prefetch->microbatch += prefetch->ranks;
    if (prefetch->microbatch < order->microbatches) return;
    prefetch->microbatch = prefetch->rank;
    prefetch->step++;
}

void prefetch_reach(struct prefetch *prefetch, const struct step_order *order, int microbatch) {
    if (prefetch->step < order->step) {
        prefetch->step = order->step;
        prefetch->microbatch = prefetch->rank;
    }
    while (reach(prefetch, order, microbatch) <= prefetch->ahead) {
        if (order->steps && prefetch->step >= order->steps) return;
        ask(prefetch, order);
    }
}
