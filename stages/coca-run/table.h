// The table of coca-run: text into rows.
#pragma once

#include "base/memory.h"

enum row_kind {
    ROW_STAGE,  // the job needs it to its end
    ROW_SINK,   // the same, with the caller's stdout and stderr
    ROW_WORKER, // may die and is started again
    ROW_FEEDER, // reads the caller's stdin; ends before the job or with it
    ROW_SIDE,   // goes on beside the job, which does not depend on it
    ROW_AGAIN,  // not of the job: what runs before the job starts again, when a stage or sink of it was lost
    ROW_THEN,   // no process: what follows is another job
};

struct row {
    enum row_kind kind;
    char *name;             // letters, digits, '-' and '_'; NULL of ROW_THEN
    int count;              // processes, of a worker
    int restarts;           // so many times within `window` seconds it is started again; one more ends the job. Of
                            // ROW_AGAIN: so many times the job is
    int window;             // seconds
    int away;               // 1: a launcher starts it on other hosts, which see no FIFO of this one
    struct strings command; // and its arguments; at least one
};

struct table {
    struct row *row;
    int count;
};

// Rows are lines of words, as coca-run's manual page says. Names are unique within a job, every job has a stage or a
// sink, and one that may start again has no feeder, and one way to do so. 0 or -EXIT_USAGE, saying which line;
// table_release in any case.
int table_read(struct table *table, const char *text, size_t size);
void table_release(struct table *table);
