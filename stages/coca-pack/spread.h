// What an order makes of records that lie side by side in a part: how far apart they stand in it.
#pragma once

#include <stdint.h>

#include "dataset/store.h"

// The parts of a dataset, and the place of each record in an order of one epoch.
struct spread {
    const struct store *store;
    const int64_t *first; // [parts + 1], the store's
    int parts;
    int64_t *place; // [records]
    int64_t given;  // records that have theirs
};
void spread_begin(struct spread *spread, const struct store *store);
void spread_end(struct spread *spread);
void spread_restart(struct spread *spread);              // for another order
void spread_give(struct spread *spread, int64_t record); // the next one of the order

// Of the distances between neighbours, and of the parts of which some records are read and not all.
struct spread_measure {
    int64_t median, tenth; // the median and the 10th percentile, to 0.1%
    double mean;
    int64_t bytes; // of the objects that such parts are, at most
};
struct spread_measure spread_measure(const struct spread *spread); // when all records have their places
