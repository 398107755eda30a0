// A stage's last words: one line on where its time went and what passed through it. stage.c writes it after the work
// and before the hub closes; pipelines/lib and the benchmarks add the lines of all stages up.
#include "stage/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fail.h"

int counters_append(const char *path, const struct counters *counters) {
    const struct hub_counters *hub = &counters->hub;
    double seconds = counters->seconds > 0 ? counters->seconds : 1e-9;
    double waiting = hub->waiting / seconds, blocked = hub->blocked / seconds;
    FILE *file = fopen(path, "a");
    if (!file) return error(EXIT_RUN, "--counters %s: cannot be written: %s", path, strerror(errno));
    fprintf(file, "%s\t%d\t%.3f\t%.4f\t%.4f\t%.4f", counters->role, counters->rank, seconds, 1 - waiting - blocked,
            waiting, blocked);
    fprintf(file, "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64, hub->messages_in, hub->messages_out,
            hub->bytes_in, hub->bytes_out);
    fprintf(file, "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", memory_peak_bytes(),
            counters->announced_memory, hub->malformed, hub->repeated_requests, hub->stale);
    if (fclose(file)) return error(EXIT_RUN, "--counters %s: cannot be written: %s", path, strerror(errno));
    return 0;
}
