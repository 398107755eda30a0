// A stateful stage's side of the protocol: the follower drives, the stage supplies the passes over one microbatch.
//
// Three drivers: under a conductor (training, or losses without gradients), serving a consumer that asks for an output,
// or alone with recordings or workers. What is pulled is asked for ahead of need (wire/ahead.h) by all three.
#pragma once

#include "train/edges.h"
#include "train/gradients.h"
#include "train/own_units.h"
#include "train/part.h"
#include "wire/ahead.h"

// One microbatch in one phase.
struct work {
    int64_t step;
    int microbatch, microbatches; // m, M (0 where unknown)
    int slot, own;                // of the own microbatches, from 0; how many they are
    int64_t batch, B;             // G; samples of a microbatch at most
    bool train, dump;
};

enum { PHASE_EDGES = 2 };
struct phase {
    const char *name;
    struct channel take[PHASE_EDGES]; // whose data of (s, m) the phase needs; without an edge: none
    bool pulls;                       // take[0] is the stage's pulled edge, which one phase at most takes
    bool enabled, backward;           // backward phases are left out without gradients
    const char *gradients;            // of tensors whose names begin so the phase adds up, in training; NULL: of none
    int (*begin)(void *context, const struct work *work); // before the phase's first microbatch; may be NULL
    // taken[i] is the message of take[i], NULL without an edge. Beyond the end of the data it is an empty message: no
    // tensors, no samples. A phase that keeps a message sets taken[i] to NULL. 0 or -exit_code.
    int (*run)(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
    // Of a phase that pulls; NULL: none. `launch` comes before `run` and begins what a device computes; between them
    // `ahead` sees the message of the next pass, if it has come. That stays until its pass; whatever is wrong with it
    // is told then.
    int (*launch)(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
    void (*ahead)(void *context, const struct message *next);
};

enum { DUMP_OUTPUTS = 4 };
struct follower {
    struct hub *hub;
    struct part *part;
    int ranks;                   // of this stage
    struct gradients *gradients; // of the part; NULL: it does not train
    struct channel control;      // without an edge: no conductor
    struct edge *served;         // NULL, or the output that consumers ask for
    struct address *asker;       // of it: set before a pass, for the channel that answers
    int window;                  // pulled units to ask for ahead of need
    const struct phase *phase;
    int phases;
    // Adds the outputs of the dumped step, f32, the own microbatches in order, in host memory; returns how many, at
    // most DUMP_OUTPUTS. NULL: none.
    int (*outputs)(void *context, struct tensor *tensor);
    void *context;

    int rank; // private, as all below
    struct ahead pulled;
    struct own_units own;
    const struct edge *ended; // the edge whose end a pass met; NULL: none did
};

// Drives the stage to its end. 0, STAGE_STOP or -exit_code.
int follower_run(struct follower *follower);
