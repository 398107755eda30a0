// Results in CLIP_benchmark's layout: one JSON line on stdout, and with --results merged into a list.
#pragma once

#include <jansson.h>

#include "run/run.h"

struct results_options {
    char *data;       // the dataset
    char *dataset;    // its name in the results
    char *results;    // the list
    int64_t step;     // of the checkpoint, −1: not said
    json_t *settings; // no option: how it was measured, where that may differ, or NULL; results_say takes it over
};
struct option_table results_options_table(struct results_options *options);

// Prints and merges; `metrics` and `chance` (what guessing gives, under the same names; NULL: not said) are taken over.
// In the list it replaces the result of the same dataset, task, model, weights, step and settings. 0, -EXIT_DATA or
// -EXIT_RUN.
int results_say(const struct run *run, const struct results_options *options, const char *task, json_t *metrics,
                json_t *chance);
