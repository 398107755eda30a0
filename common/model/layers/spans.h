// How samples lie in the rows of a matrix: sample b has rows start[b] … start[b] + count[b].
#pragma once

#include "model/layers/planner.h"

struct spans {
    int32_t *start, *count; // [B], of the backend
    int max;                // upper bound of count
    int64_t rows;           // of the matrix
};

// Samples of `count` rows each, `stride` rows apart; stride 0 means that all share the first rows.
void spans_plan(struct spans *spans, int B, int count, struct planner *planner);
void spans_fill(struct ops *ops, const struct spans *spans, int B, int stride);
struct spans spans_rows(const struct spans *spans, int64_t rows); // the same in a matrix of so many rows
