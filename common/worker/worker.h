// A stateless worker: answers each unit it is asked for with a message that is a function of the unit alone. On a
// recording, where nobody asks, it makes the units in order.
#pragma once

#include "dataset/sources.h"
#include "run/run.h"
#include "wire/hub.h"

// Beside the run options: which samples a worker makes, when not those of the run's plan.
struct worker_options {
    char *data; // the records of datasets in order, one pass
    char *list; // the lines of a file
    bool null;  // which end with NUL bytes
};
struct option_table worker_options_table(struct worker_options *options);

#define WORKER_REASON 160
struct worker {
    const struct run *run;
    const struct worker_options *options;
    const char *edge, *address;
    int consumers;           // ranks that pull the edge, each at its own address; 0: one
    struct guest *guest;     // private: a worker that is told the addresses on control
    int views;               // samples of each record in a pass, 0: one; before worker_open
    bool extents;            // lines of the list are extents (dataset/extent.h), whose names stand for them
    bool texts;              // it needs no pictures; before worker_open
    int64_t row_bytes;       // of the tensor, for one sample
    int64_t sample_bytes;    // memory that making one sample takes, of which several are never made at once
    struct sources *sources; // its samples, from worker_open on
    void *context;           // of the calls below
    // Adds the tensor that the rows go to, returns its memory.
    void *(*add)(void *context, struct message *message, int samples);
    // Makes row `row` of a sample, which is borrowed. One that cannot be had has a replacement, and why in `dropped`.
    void (*make)(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]);
};

// Whether it makes the samples of the run's plan: neither --data, --list nor --evaluate is given.
static inline bool worker_trains(const struct worker *worker) {
    return !worker->run->options.evaluate && !worker->options->data && !worker->options->list;
}

// In a stage's `prepare`, before run_join: a worker of a run over hosts that was given no address but --control asks
// there, and where it has no run directory it gets the files and works in a private folder that holds them. Paths that
// were typed stay what they were. 0 or -exit_code; worker_close in any case.
int worker_visit(struct worker *worker, struct run *run);

// The samples of a run's plan, as its options say them. 0 or -EXIT_USAGE.
int worker_plan(struct sources_options *options, const struct run *run);

// Opens the samples: those of the plan; or the lines of the list; or one pass over the datasets in this order, which
// with --evaluate and without --data are --val-data. `needs`: fields of which every dataset must have one, ended by
// NULL. 0 or -exit_code; worker_close in any case.
int worker_open(struct worker *worker, enum sources_order pass, const char *const *needs);
void worker_close(struct worker *worker);

// Works until all consumers ended, or the recording is whole. 0 or -exit_code.
int worker_run(const struct worker *worker, struct hub *hub);
