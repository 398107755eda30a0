// The stateful stages, as rows of one table: who they are, which tensors of the model they own, their edges, the losses
// they report. Orders, gathering, dumps, checkpoints, the exported model, devices, locks and the list of processes that
// train.sh starts are read from here; nothing else counts or names stages.
//
// A new stage is its own file in stages/, a row here, the layout of its tensors and a pipeline script.
#pragma once

#include "model/params/config.h"
#include "model/params/part.h"
#include "optim/tuning.h"
#include "run/run.h"
#include "wire/hub.h"

#define ROLE_IMAGE "image-encode"
#define ROLE_TEXT "text-decode"
#define ROLE_HEAD "head"
#define ROLE_LOSS "loss"

// An edge at one of its ends. Between stages one end binds and those of the same name at other stages connect; data are
// pushed. What a stage pulls is made by workers. Who connects says whether a run has the edge; who binds has it then.
struct stage_edge {
    const char *name; // also its option's and its socket's
    enum edge_manner manner;
    enum edge_direction direction;
    bool (*used)(const struct run_options *options); // NULL: always
    bool gradients;                                  // only in training
};

// A loss that a stage reports for each of its microbatches: a sum and the count that its mean is over.
struct stage_loss {
    const char *name;                                    // metrics have NAME_loss
    const char *count;                                   // the metrics' key of the count, or NULL: not said
    double (*weight)(const struct run_options *options); // 0: the run is without it
    double (*chance)(const struct model_config *config); // what guessing loses; NULL: nobody can tell
    bool of_tokens; // a mean over tokens, of log-likelihoods: evaluations also give its exponential, the perplexity
};

struct stage_row {
    const char *role; // the executable is coca-ROLE
    bool conducts;
    const struct model_part *part;                              // the tensors that it owns, and its name in files
    int device, threads;                                        // its place in --device and --threads, which are lists
    bool (*takes_part)(const struct run_options *options);      // NULL: in every run
    struct tuning (*tuning)(const struct run_options *options); // NULL: nothing is locked, all layers learn alike
    const struct stage_edge *edges;                             // [edge_count]
    int edge_count;
    const struct stage_loss *losses; // [loss_count]
    int loss_count;
    const char
        *options; // those of the run that it uses besides its edges' addresses, as run_init takes them; NULL: all
};

// NULL-terminated, in the order of every sum over stages and of the tensors in files. The symbol is weak: a program
// that is linked with rows of its own has those.
extern const struct stage_row *const stage_rows[];
extern const struct stage_row image_row, text_row, head_row, loss_row;

const struct stage_row *stage_find(const char *role);                               // NULL: no such stage
const struct stage_edge *stage_edge(const struct stage_row *row, const char *name); // NULL: it has none of that name

// Whether an edge of this name, seen from an end that connects or pulls, is part of the run.
bool stage_uses(const struct stage_edge *edge, const struct run_options *options, bool trains);

// Who answers on a pulled edge: executables coca-NAME, so many of them.
struct worker_row {
    const char *edge, *name;
    int64_t (*count)(const struct run_options *options);
};
const struct worker_row *worker_of(const char *edge); // bug() when nobody does

// The parts of all stages of the table, for what asks whose a tensor is; the caller frees the list.
const struct model_part **stage_parts(int *count);
