// VQA's accuracy (Goyal et al. 2017, arXiv 1612.00837) as its official evaluation computes it: an answer is as right as
// min(1, k/3), k of the other annotators having given it, averaged over leaving each annotator out. And what a model
// that classifies answers learns from.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "measure/numbering.h"

// The share of a point for an answer that `count` of ten annotators gave: 0, 0.3, 0.6, 0.9, then 1. It is the accuracy
// of that answer.
double vqa_score(int count);

// Texts as they came. Both sides are normalised (vqa_text.h) only when not all answers are the same.
double vqa_accuracy_of(const struct span *answers, int count, struct span prediction);

struct vqa_tally {
    double sum; // of accuracies, 0 to 1
    int64_t questions;
};
double vqa_percent(struct vqa_tally tally); // 0 when there was no question

// Of one way to sort questions: a tally a kind, in the order in which kinds came.
struct vqa_kinds {
    struct numbering names;  // tally[n - 1] is of the name with number n
    struct vqa_tally *tally; // [names.count]
};
struct span vqa_kind_name(const struct vqa_kinds *kinds, size_t kind); // borrowed; kind < names.count

// Zero-initialise; release with vqa_totals_release.
struct vqa_totals {
    struct vqa_tally all;
    struct vqa_kinds answer_types, question_types;
};
// `accuracy` is vqa_accuracy_of's. An empty type is a kind like others.
void vqa_totals_add(struct vqa_totals *totals, double accuracy, struct span answer_type, struct span question_type);
void vqa_totals_release(struct vqa_totals *totals);
