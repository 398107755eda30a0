// The learning rate of a step. The conductor asks once a step and tells every stage; no stage knows the schedule. Steps
// and the clock are one formula: both are a place `at` on the way to `end`, of which the first w are warm-up.
#include "optim/schedule.h"

#include <math.h>

// The factor after `share` of what follows the warm-up.
static double decay(enum schedule_kind kind, double share) {
    share = fmin(share, 1);
    if (kind == SCHEDULE_LINEAR) return 1 - share;
    return kind == SCHEDULE_COSINE ? 0.5 * (1 + cos(M_PI * share)) : 1;
}

double schedule_rate(const struct schedule *schedule, int64_t step, double elapsed) {
    double at, end, w = schedule->warmup;
    if (schedule->steps) {
        at = (double)step;
        end = (double)schedule->steps;
        if (at < w) return schedule->base * (at + 1) / w;
        if (schedule->ceiling > 0) at = fmax(at, end * elapsed / schedule->ceiling);
    } else {
        at = elapsed / schedule->seconds;
        end = 1;
        if (at < w) return schedule->base * at / w;
    }
    return schedule->base * decay(schedule->kind, end > w ? (at - w) / (end - w) : 1);
}
