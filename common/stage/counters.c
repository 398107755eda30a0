// A stage's last words: one line on where its time went and what passed through it. stage.c writes it after the work
// and before the hub closes; pipelines/lib and the benchmarks add the lines of all stages up.
#include "stage/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fail.h"

// The times are shares of the stage's, and busy is what is left of it.
static void write_times(FILE *file, const struct counters *counters) {
    const double seconds = counters->seconds > 0 ? counters->seconds : 1e-9;
    const double waiting = counters->hub.waiting / seconds, blocked = counters->hub.blocked / seconds;
    const double exchanging = counters->ranks.waiting / seconds;
    fprintf(file, "%s\t%d\t%.3f\t%.4f\t%.4f\t%.4f", counters->role, counters->rank, seconds,
            1 - waiting - blocked - exchanging, waiting, blocked);
}

static void write_ranks(FILE *file, const struct counters *counters) {
    const struct ranks_counters *ranks = &counters->ranks;
    fprintf(file, "\t%.4f\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64,
            counters->seconds > 0 ? ranks->waiting / counters->seconds : 0, ranks->messages_in, ranks->messages_out,
            ranks->bytes_in, ranks->bytes_out);
}

int counters_append(const char *path, const struct counters *counters) {
    const struct hub_counters *hub = &counters->hub;
    FILE *file = fopen(path, "a");
    if (!file) return error(EXIT_RUN, "--counters %s: cannot be written: %s", path, strerror(errno));
    write_times(file, counters);
    fprintf(file, "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64, hub->messages_in, hub->messages_out,
            hub->bytes_in, hub->bytes_out);
    fprintf(file, "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64, memory_peak_bytes(), counters->announced_memory,
            hub->malformed, hub->repeated_requests);
    write_ranks(file, counters);
    fprintf(file, "\t%" PRId64 "\n", hub->stale);
    if (fclose(file)) return error(EXIT_RUN, "--counters %s: cannot be written: %s", path, strerror(errno));
    return 0;
}
