// The classes of a training set, numbered without gaps.
#pragma once

#include "measure/linear_probe.h"
#include "probe_data.h"

struct probe_classes {
    int64_t K, *number; // [K]: as the records have them, ascending
};

// 0, or -EXIT_DATA when there is only one.
int probe_classes_find(struct probe_classes *classes, const struct probe_data *train);
void probe_classes_release(struct probe_classes *classes);

// The samples of `data` (which they borrow from) by these classes. 0, or -EXIT_DATA naming a record of another class.
int probe_classes_sort(const struct probe_classes *classes, const struct probe_data *data, struct probe_set *set);
