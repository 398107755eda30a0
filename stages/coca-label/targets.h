// What a head learns of a record.
#pragma once

#include "base/memory.h"
#include "dataset/record.h"
#include "measure/numbering.h"
#include "model/params/task.h"

enum { TARGETS_MOST = 10 }; // answers of a question

struct targets {
    const struct task *task;
    struct strings names;       // of the labels, in their order
    struct numbering numbering; // of the same where answers are looked up; number n is label n − 1
};
// Reads the list. 0 or -EXIT_DATA; targets_close in any case.
int targets_open(struct targets *targets, enum task_kind task, const char *path);
void targets_close(struct targets *targets);

int targets_width(const struct targets *targets); // K: labels of a sample at most

// Fills label and share [K], −1 and 0 where there are less. NULL, or what is wrong with the record; without a class or
// answers, which a test set keeps to itself, nothing is.
const char *targets_of(const struct targets *targets, const struct record *record, int32_t *label, float *share);
