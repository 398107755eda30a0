// The answer list of a dataset of questions: what a model that classifies answers has as classes.
#pragma once

#include "dataset/record.h"
#include "measure/numbering.h"

#define ANSWERS_LEAST "9" // questions of an answer that is listed, as all do who classify VQA's answers

// Zero-initialise; release with answers_release.
struct answers {
    struct numbering names; // normalised, without commas (measure/vqa_text.h)
    int64_t *count;         // [names.count] questions
    int64_t questions;      // that have an answer
};
// Counts the record's answer: the one that stands for all, else the most frequent, of equals the first.
void answers_add(struct answers *answers, const struct record *record);
// Appends those of at least `least` questions, a line each: the most frequent first, of equals by bytes. Line n is
// class n. How many they are is a note that begins with `name`; of none there is a warning.
void answers_lines(struct buffer *text, const struct answers *answers, int64_t least, const char *name);
// Writes them, or no file when there are none. 0 or -EXIT_RUN.
int answers_write(const struct answers *answers, int64_t least, const char *path);
void answers_release(struct answers *answers);
