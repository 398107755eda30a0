// The orders that other loaders give by default to data cut into the same parts, for one epoch on one host.
#pragma once

#include "spread.h"

// MosaicML streaming 0.13, py1e (streaming/base/shuffle/py1e.py), one canonical node: parts permuted, then each sample
// moved by up to half a block on either side, less half its part; a block has 4,000,000 samples times 0.75 to 1.25.
void peers_py1e(struct spread *spread, uint64_t seed);
// LitData 0.2.76, FullShuffle (litdata/streaming/shuffle.py), one worker: chunk after chunk in a permuted order, each
// in runs of 256 samples, which are permuted, and the samples in them.
void peers_litdata(struct spread *spread, uint64_t seed);
