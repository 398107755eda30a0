// The directory of a job.
#pragma once

// Makes sockets/ and log/ in `directory`, and takes its lock, which ends with the last process that has the descriptor
// (*lock; not handed on by exec). 0, -EXIT_RUN, or -EXIT_USAGE when another job has it.
int folder_take(const char *directory, int *lock);

// For a job that begins: no sockets and counters of an earlier one, and the FIFO that its stages watch, held open in
// *supervisor: they leave when it is closed. 0 or -EXIT_RUN.
int folder_open(const char *directory, int *supervisor);

void folder_clear_sockets(const char *directory);
