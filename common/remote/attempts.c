// Back-off with jitter: processes that lost their server at the same moment do not come back at the same moment.
#include "remote/attempts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

double attempts_pause(int64_t failed, double chance) {
    const double whole = failed > 6 ? 10 : fmin(10, 0.1 * (double)(1 << failed));
    return whole * (1 - chance / 2);
}

static double chance(int64_t failed) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return random_uniform(random_key((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32, "remote"), (uint64_t)failed);
}

static int give_up(const struct attempts *self, const char *url, struct failure *failure) {
    char *reason = xstrdup(failure->text);
    if (self->failed == 1) {
        const int status = failure_set(failure, failure->code, "%s: %s", url, reason);
        free(reason);
        return status;
    }
    const int status =
        failure_set(failure, failure->code, "%s: %s; tried %lld times in %.0f s; try again when it answers", url,
                    reason, (long long)self->failed, clock_seconds() - self->since);
    free(reason);
    return status;
}

int attempts_again(struct attempts *self, const struct remote_options *options, const char *url,
                   struct failure *failure) {
    if (!failure->passing) return -(int)failure->code;
    if (!self->failed++) self->since = clock_seconds();
    if (self->failed > options->retries) return give_up(self, url, failure);
    const double pause = attempts_pause(self->failed, chance(self->failed));
    if (pause >= 1) note("%s: %s; trying again in %.0f s", url, failure->text, pause);
    remote_pause(options, pause);
    return remote_is_stopped(options) ? failure_stopped(failure, url) : 0;
}

void attempts_moved(struct attempts *self) {
    self->failed = 0;
}
