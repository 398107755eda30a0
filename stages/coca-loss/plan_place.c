// Which ranks share a host, and with it a link and devices.
#include "plan.h"
#include "train/topology.h"

// Ranks that a host takes before the next one's turn.
static int room(const struct plan_machine *machine, const struct plan_step *step) {
    const int ranks = step->ranks[PLAN_IMAGE] + step->ranks[PLAN_TEXT];
    return machine->devices ? machine->devices : (ranks + machine->hosts - 1) / machine->hosts;
}

int plan_host(const struct plan_machine *machine, const struct plan_step *step, enum plan_side side, int rank) {
    const int place = rank + (side == PLAN_TEXT ? step->ranks[PLAN_IMAGE] : 0);
    return place / room(machine, step) % machine->hosts;
}

int plan_owner(const struct plan_step *step, enum plan_side side, int microbatch) {
    return owner_of(microbatch, step->microbatches, step->ranks[side]);
}

bool plan_is_local(const struct plan_machine *machine, const struct plan_step *step) {
    const int ranks = step->ranks[PLAN_IMAGE] + step->ranks[PLAN_TEXT];
    return machine->hosts == 1 || ranks <= room(machine, step);
}

enum dtype plan_dtype(const struct plan_step *step) {
    return step->run->options.precision == PRECISION_BF16 ? DT_BF16 : DT_F32;
}
