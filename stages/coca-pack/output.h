// A dataset that is being packed, with the list of what is left out of it.
#pragma once

#include <stdio.h>

#include "dataset/store.h"
#include "job.h"

struct output {
    const char *directory; // borrowed
    struct store_writer *writer;
    FILE *dropped; // dropped.jsonl, once there is something to list
    int64_t sample_drops[DROPS], text_drops[DROPS];
};

// As store_writer_open. `directory` must outlive the output.
int output_open(struct output *output, const char *directory, int64_t records_per_shard, bool replace);
int output_add(struct output *output, const struct job *job); // 0 or -exit_code, reported
// Moves the dataset into place and says what it holds. 0 or -exit_code, reported; nothing remains of a failure.
int output_commit(struct output *output);
void output_abandon(struct output *output); // of an output that is open, committed, or all zero
