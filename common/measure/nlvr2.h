// NLVR2's two measures (Suhr et al. 2019, arXiv 1811.00491): accuracy over examples, and consistency, the share of
// sentences that were judged rightly of each pair of pictures they go with.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "measure/numbering.h"

// Zero-initialise; release with nlvr2_release.
struct nlvr2 {
    int64_t examples, right;
    struct numbering sentences;
    bool *consistent; // [sentences.count]: none of its examples was judged wrongly
};

// Identifiers are split-set-pair-sentence ("dev-850-0-0"): those that differ in the third part alone are of one
// sentence. One with fewer parts is a sentence of its own.
void nlvr2_add(struct nlvr2 *nlvr2, struct span identifier, bool is_right);
double nlvr2_accuracy(const struct nlvr2 *nlvr2);    // 0 to 1; of nothing 0
double nlvr2_consistency(const struct nlvr2 *nlvr2); // 0 to 1; of nothing 0
void nlvr2_release(struct nlvr2 *nlvr2);
