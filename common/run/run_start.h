// What a process of a run learns from run.json beside the options: how this start goes on.
#pragma once

#include <jansson.h>

#include "wire/message.h"

struct run_start {
    char id[WIRE_RUN];    // of this start; travels in every message; "" outside a run
    char checkpoint[256]; // to go on from, relative to the run directory; "" for a new run
    int64_t steps;        // N, 0 when the clock decides
};
extern struct run_start run_start; // filled by run_start_read

// Fills the run options that the command line left open, and run_start, from run.json of the current directory if there
// is one. 0 or -EXIT_DATA.
int run_start_read(void);
json_t *run_start_to_json(const struct run_start *start); // new reference
