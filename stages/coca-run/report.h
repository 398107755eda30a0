// What coca-run tells of the processes of a job: last words, and where the time went.
#pragma once

#include "process.h"

// Begins a process's share of its log: what is there already is of earlier jobs.
void report_begin(struct process *process, const struct surroundings *around);

// Why a process left, with the last lines of its log and the log's name. True when a log was named, which is to be
// kept.
bool report_loss(const struct process *process, int code, const struct surroundings *around);

// A table with a line for each process that left counters, or for each rank of one.
void report_times(const struct process *process, int count, const struct surroundings *around);
