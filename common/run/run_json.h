// run.json: the options of a run, what it is made of, and how the last start goes on. Private to the room.
#pragma once

#include <jansson.h>

#include "run/run.h"

#define RUN_JSON "run.json"

// The document at `path`, a new reference; NULL, reported, when it cannot be read.
json_t *run_json_open(const char *path);
// Fills the options that the command line left open. 0 or -EXIT_DATA naming `path`.
int run_json_options(struct run *run, const json_t *document, const char *path);

// Fills options, start and datasets from run.json of the current directory, if there is one. 0 or -EXIT_DATA.
int run_json_read(struct run *run);

// Options and start of the run, with what it is made of. 0 or -EXIT_RUN.
int run_json_write(const char *path, const struct run *run, const json_t *versions);
