// Where a checkpoint lies: on the run's disk, or in memory (--checkpoint-memory), so that going on after a loss costs a
// step or two and no disk. The folder in memory is a tmpfs's, which outlives every process of the job; the run
// directory knows it by a link.
#pragma once

#include <stdint.h>

#include "run/checkpoint.h"

#define CHECKPOINTS_MEMORY CHECKPOINTS "/memory" // the link
enum { CHECKPOINTS_IN_MEMORY = 2 };              // newest ones kept

enum checkpoint_place { CHECKPOINT_NONE, CHECKPOINT_DISK, CHECKPOINT_MEMORY, CHECKPOINT_PLACES };
const char *checkpoint_folder(enum checkpoint_place place); // in the run directory; not of NONE

// Makes the folder, its owner's alone, and the link to it: `wanted`, or /dev/shm/cocaflow-ID. A folder that the link
// leads to already stays what it is. 0 or -EXIT_RUN.
int checkpoint_memory_open(const char *run_directory, const char *wanted, const char *id);
// Removes the checkpoints in it, the folder and the link; without a link, nothing. 0 or -EXIT_RUN.
int checkpoint_memory_close(const char *run_directory);
