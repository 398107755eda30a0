// The order of one source in blocks: its parts permuted anew for each epoch, taken W at a time, and the records of each
// such window permuted among themselves. A function of key, epoch and k alone; what is kept are tables that make it
// quick, of the epochs that were asked for last. Not for several threads at once.
#pragma once

#include <stdint.h>

#include "base/random.h"

// The part that holds a record, below first[parts]: the last one that begins at or before it. `first` is [parts + 1].
int part_of(const int64_t *first, int parts, int64_t record);

struct blocks;
// `first` [parts + 1], where each part begins, is borrowed; a part may be empty, not all. 1 <= window <= parts.
struct blocks *blocks_new(const int64_t *first, int parts, int window, struct random_key key);
void blocks_free(struct blocks **blocks);

// The record that is element k of an epoch; k is below the number of records.
int64_t blocks_at(struct blocks *blocks, int64_t epoch, int64_t k);

// The parts of the window of element k, and behind them those of the next one, which may be of the next epoch. Returns
// how many of the 2·window places are filled; a part may stand twice.
int blocks_near(struct blocks *blocks, int64_t epoch, int64_t k, int *part);
