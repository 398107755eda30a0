// When a process that was lost is started again, and whether.
#pragma once

#include "table.h"

// The recent restarts of a row's processes, together. Zero-initialise; free(at) in the end.
struct restarts {
    double *at; // ascending, in clock_seconds
    int count;
};

// Counts one more restart. The seconds to wait before it, or -1 beyond the row's limit.
double restarts_next(struct restarts *restarts, const struct row *row, double now);
