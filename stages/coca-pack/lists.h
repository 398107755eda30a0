// Files beside the records of a dataset that say what its numbers mean.
#pragma once

#include <stdbool.h>

#include "answer_list.h"

struct lists {
    bool is_benchmark, is_dataset;     // the paths are a tar root of CLIP_benchmark, or datasets
    const struct strings *paths;       // that were read
    const struct strings *class_names; // line n of classnames.txt; of none there is no such file
    const struct answers *answers;
    int64_t least_questions; // of an answer in answers.txt
};
// Writes classnames.txt and answers.txt into `directory`, where they are known, and copies what a tar root, or every
// one of the datasets alike, has. 0 or -exit_code, reported.
int lists_write(const struct lists *lists, const char *directory);
