// A run directory: made, or opened to go on, before any stage starts.
#pragma once

#include <jansson.h>

#include "run/run.h"

struct run_place {
    char *name, *runs; // --name, --runs
    char *resume;      // "latest", a checkpoint of the run, or NULL
    bool again;        // a job of the run lost a process and goes on: its lock is held by the caller, who is stdin
};

struct run_directory {
    struct run *run;    // borrowed: its options are taken up, its start is filled
    char *path;         // absolute
    bool resumes;       // a run is there
    json_t *saved;      // its run.json, or NULL
    bool again;         // as run_place says
    int64_t checkpoint; // step of the checkpoint to go on from, −1 for none
    const char *folder; // in which it lies: CHECKPOINTS or CHECKPOINTS_MEMORY
    int lock;           // file held while it is written, −1 before
};

// Finds RUNS/NAME. A run that is there is -EXIT_USAGE with the two remedies, unless it is to be resumed: then its
// run.json gives the options that the command line left open, what differs is refused or noted, and the checkpoint is
// found and verified. The newest may be in memory. `again` goes on from the newest that is whole, or from the
// beginning; what is damaged is set aside. 0 or -exit_code; run_directory_close in any case.
int run_directory_open(struct run_directory *directory, struct run *run, const struct run_place *place);
void run_directory_close(struct run_directory *directory);

// What the run is made of, by name: "code" and fingerprints. On resume each must be what it was, but for the code's
// version: -EXIT_USAGE naming what changed.
int run_directory_compare(const struct run_directory *directory, const json_t *versions);

struct run_sources {
    const char *model, *tokenizer, *labels; // files to copy; the latter two may be NULL
    const struct head_config *head;         // that the model has in this run; NULL: that of its file
};
// Makes the folders, copies what the run needs, cuts metrics and drops back to the checkpoint, fills start.checkpoint
// and start.generation of the run, whose start has its id (`again`: that of before) and steps, and writes run.json, all
// under the lock that jobs hold. 0, -EXIT_USAGE
// when a job is under way there, or -EXIT_RUN.
int run_directory_write(struct run_directory *directory, const json_t *versions, const struct run_sources *sources);
