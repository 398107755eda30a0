// The tasks that a head is trained for: what it reads, how many pictures a sample has, what it learns (CoCa,
// arXiv 2205.01917, sections 3.3 and 4.2). One table: configurations, stages, workers and evaluations read it.
#pragma once

#include <stdbool.h>

enum task_kind { TASK_NONE, TASK_RECOGNITION, TASK_VIDEO, TASK_VQA, TASK_SNLI_VE, TASK_NLVR2, TASKS };

struct task {
    const char *name;
    bool reads_text; // the multimodal outputs over the sample's text; else the image tokens
    int pictures;    // of a sample; 0: so many frames of a video as are asked for
    bool joined;     // each picture goes with the text by itself, and the pooled vectors stand side by side
    bool soft;       // it learns shares of several answers, not one class
};
extern const struct task tasks[TASKS];
#define TASK_WORDS "none|recognition|video|vqa|snli-ve|nlvr2" // of tasks[], for an option's row

enum task_kind task_find(const char *name); // TASKS: there is none of that name
