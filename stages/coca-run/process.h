// One process of a job: started as its row says, and known by its files.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "table.h"

// A wish for a recording: of every row, or of the one named, whose command has the edge's option.
struct record {
    char *stage; // NULL: of any stage that has the edge
    char *edge, *file;
};
bool record_is_of(const struct record *record, const struct row *row);

// What all processes of a job are started with.
struct surroundings {
    char *directory;               // absolute: the job's
    const struct strings *options; // of every stage
    const struct record *record;
    int records;
    sigset_t mask; // of signals
    int lock;      // of the directory
};

struct process {
    const struct row *row;
    char *name;        // the row's, and of a worker its number: "decode.0"
    int number;        // among those of its row
    pid_t pid;         // 0: it does not run
    pid_t last_pid;    // of its last start
    double start_at;   // it is started again then; INFINITY: it is not
    int64_t log_begin; // size of its log when the job began
};

// Stages, sinks and workers get the options of every stage and those that name their files, and run in the job's
// directory; all lead a process group of their own, are killed when this process is, and all but sinks write to
// log/NAME.log (feeders only say what is wrong, to the caller's stderr). ROW_AGAIN has the lock as stdin. 0 or
// -EXIT_RUN.
int process_start(struct process *process, const struct surroundings *around);
// To it, if it runs, and its process group, as from a terminal: a script does not pass on what it gets.
void process_signal(const struct process *process, int signal);

bool row_has_log(const struct row *row);
char *process_file(const struct process *process, const struct surroundings *around, const char *folder,
                   const char *suffix); // DIRECTORY/FOLDER/NAME.SUFFIX; the caller frees
