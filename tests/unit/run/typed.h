// A run whose options are as if typed.
#pragma once

#include <string.h>

#include "run/run.h"

static struct run typed;
static struct option_table *const typed_tables[] = {&typed.table, NULL};

static inline void release_options(void) {
    if (typed.table.given) options_release(typed_tables);
}

// Begins the run anew, with every option as a command line of these words would set it; returns what options_parse
// does.
static inline int type_run(const char *words) {
    char *line = xformat("test %s", words), *argument[64], *rest = line;
    int count = 0;
    for (char *word; (word = strtok_r(rest, " ", &rest));) argument[count++] = word;
    release_options();
    run_init(&typed, NULL);
    options_defaults(typed_tables);
    int status = options_parse(typed_tables, count, argument, NULL);
    free(line);
    return status;
}
