// A stateless worker: answers each unit it is asked for with a message that is a function of the unit alone. On a
// recording, where nobody asks, it makes the units in order.
#pragma once

#include "run/run.h"
#include "wire/hub.h"

// Beside the run options: which samples a worker makes, when not those of the run's plan.
struct worker_options {
    char *data; // the records of datasets in order, one pass
    char *list; // the lines of a file
};
struct option_table worker_options_table(struct worker_options *options);

// Whether it makes those of the plan: neither is given, nor --evaluate.
bool worker_trains(const struct run *run, const struct worker_options *options);
// The datasets: --train-data, --data, or for --evaluate without it --val-data; or NULL.
const char *worker_data(const struct run *run, const struct worker_options *options);

#define WORKER_REASON 160
struct worker_row {
    int64_t id;
    const char *name;            // of a list: its line, borrowed until the next row; else NULL
    char dropped[WORKER_REASON]; // why the row holds a replacement, or ""
};

struct worker {
    const struct run *run;
    const struct worker_options *options;
    const char *edge, *address;
    int64_t row_bytes;    // of the tensor, for one sample
    int64_t sample_bytes; // memory that making one sample takes, of which several are never made at once
    void *context;        // of the calls below
    // How many samples there are, and whether more may come. 0 or -exit_code.
    int (*count)(void *context, int64_t *samples, bool *growing);
    // How many of these samples, which are there, are to be made: less than all where a batch was ended early.
    int (*filled)(void *context, int64_t first, int count, int *filled);
    // Adds the tensor that the rows go to, returns its memory.
    void *(*add)(void *context, struct message *message, int samples);
    // Makes sample n in row `row`. 0 or -exit_code.
    int (*make)(void *context, void *tensor, int row, int64_t n, struct worker_row *about);
};

// Works until the consumer ends, or the recording is whole. 0 or -exit_code.
int worker_run(struct hub *hub, const struct worker *worker);
