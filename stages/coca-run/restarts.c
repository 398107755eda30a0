// Limits and back-off of restarts, for job.c. What dies at once every time waits twice as long each time, so that a
// fault that passes (a host that is short of memory) finds the process there again, and one that stays ends the job
// soon.
#include "restarts.h"

#include <math.h>
#include <string.h>

static const double first_wait = 0.1, longest_wait = 10; // seconds

double restarts_next(struct restarts *restarts, const struct row *row, double now) {
    int old = 0;
    while (old < restarts->count && now - restarts->at[old] >= row->window) old++;
    restarts->count -= old;
    if (old) memmove(restarts->at, restarts->at + old, (size_t)restarts->count * sizeof *restarts->at);
    if (restarts->count >= row->restarts) return -1;
    double wait = fmin(ldexp(first_wait, restarts->count), longest_wait);
    restarts->at = xrealloc_array(restarts->at, (size_t)restarts->count + 1, sizeof *restarts->at);
    restarts->at[restarts->count++] = now;
    return wait;
}
