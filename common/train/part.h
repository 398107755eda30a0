// One part of the model as a process holds it: configuration, backend, parameters, and when it trains an optimizer.
// Every stage of the table starts, saves and resumes it alike.
#pragma once

#include "optim/optimizer.h"
#include "ranks/ranks.h"
#include "run/run.h"
#include "train/memory.h"
#include "train/protocol.h"
#include "train/stages.h"

struct part {
    const struct run *run;
    struct ranks *ranks;         // of the stage, borrowed, set between part_open and part_load; NULL: it has one
    const struct stage_row *row; // its name in files, the tensors that it owns
    struct model_config config;
    struct ops *ops;
    bool narrow;                 // weights of linear maps are int8; not in training
    struct params *params;       // NULL before part_load
    struct optimizer *optimizer; // NULL without training
    int64_t profile_after;       // steps from here on until operations are timed (COCA_PROFILE), or below 0
    double profiled_since;       // clock_seconds
};

// In a stage's `prepare`: joins the run (run_join), which outlives the part, and opens the backend. 0 or -exit_code;
// part_close in any case.
int part_open(struct part *part, const struct stage_row *row, struct run *run);
// The two halves of it, for who sets `ranks` in between: the run, and the backend. --device cuda, without a number, is
// for each of several ranks a GPU of its own.
int part_join(struct part *part, const struct stage_row *row, struct run *run);
int part_open_backend(struct part *part);
int part_gpu(const struct part *part); // the index of the CUDA device that it computes on, or -1

// Allocates parameters and optimizer, and fills them from the checkpoint that the run goes on from, else from
// --pretrained, else from the seed. 0 or -exit_code.
int part_load(struct part *part, bool train);
void part_close(struct part *part);

// A step begins. With COCA_PROFILE=N in the environment, operations are timed after N steps, and part_close prints
// where the time since went.
void part_step(struct part *part);

// The table of the part, as this rank has it, without its contents; the caller frees it.
struct params *part_layout(const struct part *part);
int64_t part_count(const struct part *part); // trainable numbers
// Parameters, gradients, optimizer, what the backend adds, and what writing a checkpoint takes, of this rank; before
// part_load too.
struct memory_bytes part_bytes(const struct part *part, bool train);

double part_gradient_squares(const struct part *part); // Σ g² of own tensors (optim/squares.h)

// Writes NAME.safetensors, NAME.optimizer.safetensors and NAME.ema.safetensors into `directory`, which is made if need
// be, fsynced. All ranks of the stage call it, and write the same files whatever their number; the first one has them
// in `written`. 0, -EXIT_RUN, -EXIT_PEER when another rank failed, or what `meanwhile` returned.
int part_write(const struct part *part, const char *directory, struct written *written,
               struct ranks_meanwhile meanwhile);
