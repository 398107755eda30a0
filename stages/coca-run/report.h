// What coca-run tells of the processes of a job: last words, and where the time went.
#pragma once

#include "process.h"

// Begins a process's share of its log: what is there already is of earlier jobs.
void report_begin(struct process *process, const struct surroundings *around);

// Why a process left, with the last lines of its log and the log's name; `frozen`: it did not, but was stopped. A
// warning when the job `goes_on`, else an error. True when a log was named, which is to be kept.
bool report_loss(const struct process *process, int code, bool frozen, bool goes_on, const struct surroundings *around);
char *report_how(int code, bool frozen); // "signal 9", "exit 4", "frozen"; the caller frees

// A table with a line for each process that left counters, or for each rank of one.
void report_times(const struct process *process, int count, const struct surroundings *around);
