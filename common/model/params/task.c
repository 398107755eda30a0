// A row a task. What differs between two of them is said here and nowhere else.
#include "model/params/task.h"

#include <string.h>

const struct task tasks[TASKS] = {
    [TASK_NONE] = {"none", false, 1, false, false},      [TASK_RECOGNITION] = {"recognition", false, 1, false, false},
    [TASK_VIDEO] = {"video", false, 0, false, false},    [TASK_VQA] = {"vqa", true, 1, false, true},
    [TASK_SNLI_VE] = {"snli-ve", true, 1, false, false}, [TASK_NLVR2] = {"nlvr2", true, 2, true, false},
};

enum task_kind task_find(const char *name) {
    int kind = 0;
    while (kind < TASKS && strcmp(tasks[kind].name, name)) kind++;
    return (enum task_kind)kind;
}
