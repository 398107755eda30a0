// The first row of every group of n, apart from the others: the class token before a picture's patches, and the row
// that becomes a picture's embedding before those that are its features.
#pragma once

#include "model/layers/planner.h"

struct split {
    int32_t *first, *rest; // [groups], [groups·(n − 1)]: where those rows lie in [groups·n]
    int n;
};

void split_plan(struct split *split, int groups, int n, struct planner *planner);
void split_fill(struct ops *ops, const struct split *split, int groups);

// first[groups,D] and rest[groups·(n−1),D], which may be NULL, from rows[groups·n,D], and added back into it.
void split_apart(struct ops *ops, const struct split *split, void *first, void *rest, const void *rows, int groups,
                 int64_t D);
void split_add(struct ops *ops, const struct split *split, void *rows, const void *first, const void *rest, int groups,
               int64_t D); // first or rest may be NULL: zero
