// Run options as if typed, in a folder of its own for each test.
#pragma once

#include "../base/folder.h"

#include "run/run_options.h"

static inline void release_options(void) {
    options_release(&run_options_table, run_options_table.given ? 1 : 0);
}

// Sets every run option as a command line of these words would; returns what options_parse does.
static inline int type_options(const char *words) {
    char *line = xformat("test %s", words), *argument[64], *rest = line;
    int count = 0;
    for (char *word; (word = strtok_r(rest, " ", &rest));) argument[count++] = word;
    before_leaving = release_options;
    release_options();
    options_defaults(&run_options_table, 1);
    int status = options_parse(&run_options_table, 1, count, argument, NULL);
    free(line);
    return status;
}
