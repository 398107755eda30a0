// What a process of a run is told, read once and handed on: the options, how this start goes on, the data.
#pragma once

#include "model/params/config.h"
#include "run/run_options.h"
#include "wire/message.h"

// How this start goes on.
struct run_start {
    char id[WIRE_RUN];    // of this start; travels in every message; "" outside a run
    int64_t generation;   // how often the run was begun or taken up before this start; travels likewise
    char checkpoint[256]; // to go on from, relative to the run directory; "" for a new run
    int64_t steps;        // N, 0 when the clock decides
};

enum { RUN_DATASETS = 64, RUN_USED = 1024 };
struct run {
    struct run_options options; // as typed, filled up from run.json
    struct option_table table;  // of `options`; among the tables of the stage or tool, which owns the run
    char used[RUN_USED];        // run_init's, and what run_use adds; empty: all
    struct run_start start;
    int datasets;                   // 0 outside a run
    uint64_t dataset[RUN_DATASETS]; // fingerprints, in the order of --train-data
};

// Makes the table, which points into the run: where it lies now, it stays. `used` names the options that this program
// uses, with blanks between, for its --help; NULL: all. It takes the others too, since all stages are handed the same.
void run_init(struct run *run, const char *used);
// Adds a name to them; before the command line is read.
void run_use(struct run *run, const char *name);

// What a stage does in its `prepare`: fills what the command line left open from run.json of the current directory if
// there is one, checks it, reads the model's configuration, and tells the skeleton what run and model this process
// belongs to. 0 or -exit_code.
int run_join(struct run *run, struct model_config *config);

// Check what one option's row cannot: for every process (which also sets the microbatch that was left out); where G
// matters, that B divides it; where a run's length matters, that exactly one of steps, seconds and epochs is given.
// 0 or -EXIT_USAGE.
int run_check(struct run *run);
int run_check_batch(const struct run *run);
int run_check_trained(const struct run *run); // where it trains
int run_check_length(const struct run *run);

// Makes every path among the options absolute, from the current directory.
void run_make_absolute(struct run *run);

// Whether this process computes gradients: under a conductor, unless it evaluates, or alone when gradients arrive.
bool run_trains(const struct run *run);
int run_microbatches(const struct run *run); // M = G / B, at least 1; after run_check
// Of the stage that has this place in the lists --device, --threads and --replicas (train/stages.h), of which a single
// value is for all. The caller frees the device; 0 threads are all cores.
char *run_device(const struct run *run, int place);
int run_threads(const struct run *run, int place);

int run_replicas(const struct run *run, int place); // ranks of such a stage; after run_check

// The address that the edge's option says, or NULL; bug() when there is no such option.
const char *run_address(const struct run *run, const char *edge);
