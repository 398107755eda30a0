// The line that a stage leaves behind in --counters. Private.
#pragma once

#include "ranks/ranks.h"
#include "wire/hub.h"

#define COUNTERS_HEADER                                                                                                \
    "role rank seconds busy waiting blocked messages-in messages-out bytes-in bytes-out peak-memory announced-memory " \
    "malformed repeated-requests exchanging ranks-messages-in ranks-messages-out ranks-bytes-in ranks-bytes-out stale"

struct counters {
    const char *role;
    int rank;
    double seconds; // the stage ran
    struct hub_counters hub;
    struct ranks_counters ranks; // zeros of a stage that exchanges nothing with other ranks
    int64_t announced_memory;    // bytes, 0 when nothing was announced
};
// Appends a line of COUNTERS_HEADER's columns, separated by tabs. 0 or -EXIT_RUN.
int counters_append(const char *path, const struct counters *counters);
