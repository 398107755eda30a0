// coca-loss --prepare: makes or reopens the run directory, before any other stage starts.
#pragma once

#include <jansson.h>

#include "model/params/config.h"
#include "run/run_directory.h"
#include "train/topology.h"

int prepare_main(int argc, char **argv);

// Prints the processes of the run, as --help of coca-loss --prepare says of `job`.
void job_print(const struct topology *topology, const struct run *run);

// What a run is made of, looked at before it is made.
struct ingredients {
    char *model, *tokenizer; // files; tokenizer NULL when no text is read, or tokens are recorded
    char *labels;            // of the head; NULL without one
    struct model_config config;
    bool other_head;  // than the file says
    int64_t records;  // of all datasets
    json_t *versions; // fingerprints, for run.json
};
// 0 or -exit_code; ingredients_release in any case.
int ingredients_find(struct ingredients *found, const struct run_directory *directory);
void ingredients_release(struct ingredients *found);
