// What every stage that owns tensors is and does alike, whoever it is: it joins the run, opens its part of the model
// and its edges, meets its peers, and lets the follower drive.
#pragma once

#include "train/follower.h"

struct stateful {
    struct run run; // stateful_init_run before the command line is read
    struct part part;
    struct topology topology;
    struct edges edges;
    bool train;
    int ranks;                   // of this stage in the run; 1 without a conductor
    struct ranks *joined;        // them
    bool devices;                // what they exchange goes from GPU to GPU (ranks_use_devices)
    struct gradients *gradients; // where it trains
    bool well;                   // it came to its end
};

// run_init with the row's options and the addresses of its edges.
void stateful_init_run(struct run *run, const struct stage_row *row);
// In `prepare`: opens the part, and checks the batch where it matters. `may_train`: this manner of working is one that
// trains. 0 or -exit_code; part_close in any case.
int stateful_prepare(struct stateful *stage, const struct stage_row *row, bool may_train);
// What part_bytes says, and what the sums of gradients take with this microbatch.
struct memory_bytes stateful_bytes(const struct stateful *stage, int64_t microbatch);
// part_load, for this rank of the stage. 0 or -exit_code.
int stateful_load(struct stateful *stage);
void stateful_close(struct stateful *stage);
// Sums a count over the ranks of the stage, in training; they all call it. 0 or -exit_code.
int stateful_add_up(const struct stateful *stage, int64_t *count);
// Whether an encoder has a backward pass: it trains, and is not frozen under a head.
bool stateful_tunes(const struct stateful *stage);
// How many microbatches of a step are this rank's when they have so many samples; at least 1.
int stateful_own(const struct stateful *stage, int64_t microbatch);
// Opens the edges of `list`, the row's or those of another manner of working (edges_open). 0 or -exit_code.
int stateful_open(struct stateful *stage, struct hub *hub, const struct stage_edge *list, int count);
// Says that it is ready, meets the peers, and drives: `follower` has its phases, window, outputs and context; the rest
// is filled in here. 0 or -exit_code.
int stateful_drive(struct stateful *stage, struct follower *follower);
