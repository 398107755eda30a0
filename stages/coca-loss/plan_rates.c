// Rates from runs that were made: how fast each side computes, and how fast ranks exchange.
#include "plan.h"

#include <math.h>

// Small matrices are slower than large ones, so the sides differ; how long each computed, their counters say.
static void compare_sides(struct plan_machine *machine, const struct plan_step *step,
                          const struct plan_measured *measured) {
    double rate[PLAN_SIDES];
    for (int side = 0; side < PLAN_SIDES; side++) {
        if (!(measured->busy[side] > 0)) return;
        rate[side] = plan_work_of_side(step, side) / (measured->busy[side] * step->ranks[side]);
    }
    if (rate[PLAN_IMAGE] > 0 && rate[PLAN_TEXT] > 0) machine->ease[PLAN_TEXT] = rate[PLAN_TEXT] / rate[PLAN_IMAGE];
}

// The time of a step falls as the rate rises, so halving an interval finds the rate.
void plan_calibrate(struct plan_machine *machine, const struct plan_step *step, const struct plan_measured *measured) {
    struct plan_traffic traffic;
    double low = log(1e-9), high = log(1e9);
    compare_sides(machine, step, measured);
    plan_traffic(machine, step, &traffic);
    for (int i = 0; i < 60; i++) {
        machine->tflops = exp((low + high) / 2);
        if (plan_time(machine, step, &traffic).step > measured->seconds)
            low = (low + high) / 2;
        else
            high = (low + high) / 2;
    }
}

// Bytes sent in the time that ranks waited for the exchange, part of which is waiting for each other: the best that any
// run saw.
double plan_measured_gbps(const struct plan_measured *measured, int count) {
    double best = 0;
    for (int i = 0; i < count; i++)
        for (int side = 0; side < PLAN_SIDES; side++) {
            const double seconds = measured[i].exchange[side].waiting * measured[i].seconds;
            const double sent = measured[i].exchange[side].sent;
            if (sent > 0 && seconds > 0) best = fmax(best, sent * 8 / seconds / 1e9);
        }
    return best;
}
