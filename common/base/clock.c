// What this process has used of time and of memory. Waits, the progress line, the profile and the thread team ask for
// the time, which therefore comes from a clock that nobody sets. Stages ask for their peak of memory when they announce
// what they will take and when they write their counters.
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// A value of /proc/self/status, in bytes; 0 when the kernel does not tell it.
static int64_t status_bytes(const char *status, const char *field) {
    const char *line = strstr(status, field);
    return line ? (int64_t)strtoll(line + strlen(field), NULL, 10) << 10 : 0;
}

// The kernel keeps a high-water mark of the whole resident set (VmHWM) and tells its parts (RssFile, RssShmem) only as
// they are now. So the answer is exact while mappings only grow, and too low by what was mapped after the peak.
int64_t memory_peak_bytes(void) {
    char status[4096];
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    status[fread(status, 1, sizeof status - 1, file)] = '\0';
    fclose(file);
    return status_bytes(status, "\nVmHWM:") - status_bytes(status, "\nRssFile:") - status_bytes(status, "\nRssShmem:");
}
