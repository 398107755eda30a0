// The answer list of a dataset of questions: what a model that classifies answers has as classes.
#pragma once

#include "dataset/import.h"
#include "measure/numbering.h"

// Zero-initialise; release with answers_release.
struct answers {
    struct numbering names; // normalised, without commas (measure/vqa_text.h)
    int64_t *count;         // [names.count] questions
    int64_t questions;      // that have an answer
};
// Counts the sample's answer: the one that its source chose, else the most frequent, of equals the first.
void answers_add(struct answers *answers, const struct import_sample *sample);
// Writes those of at least `least` questions, a line each: the most frequent first, of equals by bytes. Line n is class
// n. A warning and no file when there are none. 0 or -EXIT_RUN.
int answers_write(const struct answers *answers, int64_t least, const char *path);
void answers_release(struct answers *answers);
