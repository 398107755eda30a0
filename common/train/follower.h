// A stateful stage's side of the protocol: the follower drives, the stage supplies the passes over one microbatch.
//
// Three drivers: under a conductor (training, or losses without gradients), serving a consumer that asks for an output,
// or alone with recordings.
#pragma once

#include "train/part.h"
#include "wire/hub.h"

// One microbatch in one phase.
struct work {
    int64_t step;
    int microbatch, microbatches; // m, M (0 where unknown)
    int slot;                     // of the own microbatches, from 0
    int64_t batch;                // G
    bool train, dump;

    struct follower *follower; // private, for follower_next and the checks of outputs.h
    const struct unit *behind; // ditto: the unit that comes next on the pulled edge, or NULL
};

enum { PHASE_EDGES = 2 };
struct phase {
    const char *name;
    struct edge *take[PHASE_EDGES];                       // whose data of (s, m) the phase needs; NULL: none
    bool enabled, backward;                               // backward phases are left out without gradients
    int (*begin)(void *context, const struct work *work); // before the phase's first microbatch; may be NULL
    // taken[i] is the message of take[i], NULL when that is. Beyond the end of the data it is an empty message: no
    // tensors, no samples. A phase that keeps a message sets taken[i] to NULL. 0 or -exit_code.
    int (*run)(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
};

enum { DUMP_OUTPUTS = 4 };
struct follower {
    struct hub *hub;
    struct part *part;
    struct edge *control; // NULL without a conductor
    struct edge *served;  // NULL, or the output that a consumer asks for
    int rank, ranks;      // set by follower_run: own microbatches are those with m mod ranks = rank
    int ahead;            // microbatches to ask for ahead of need
    const struct phase *phase;
    int phases; // the first one takes the stage's pulled edge
    // Adds the outputs of the dumped step, f32 in batch order, in host memory; returns how many, at most DUMP_OUTPUTS.
    int (*outputs)(void *context, struct tensor *tensor);
    void *context;
    struct taken_ahead {
        bool is_taken;
        int64_t step;
        int microbatch, status; // of hub_take
        struct message *message;
    } taken_ahead; // private
};

// In a pass that takes the pulled edge: the message that the next such pass will take, if it has arrived, else NULL. It
// stays until that pass; whatever is wrong with it is told then.
const struct message *follower_next(const struct work *work);

// Drives the stage to its end. 0 or -exit_code.
int follower_run(struct follower *follower);
