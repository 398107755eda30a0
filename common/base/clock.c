#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t memory_peak_bytes(void) {
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    char line[256];
    long long kib = 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "VmHWM:", 6)) sscanf(line + 6, "%lld", &kib);
    fclose(file);
    return (int64_t)kib << 10;
}
