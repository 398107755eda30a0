// What a head predicted, written for people and for the servers of the tasks.
#pragma once

#include <stdio.h>

#include "base/memory.h"
#include "dataset/record.h"
#include "model/params/task.h"

struct predictions {
    const char *path; // NULL: none are written
    FILE *file;
    enum task_kind task;
    int64_t count;
};
// vqa: VQA's result file, a JSON list of question_id and answer; nlvr2: lines identifier,label; all others: lines of
// id TAB label. 0 or -EXIT_RUN.
int predictions_open(struct predictions *predictions, enum task_kind task, const char *path);
void predictions_add(struct predictions *predictions, struct span id, const char *label);
int predictions_close(struct predictions *predictions); // 0 or -EXIT_RUN
