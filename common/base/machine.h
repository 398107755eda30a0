// Where this process runs.
#pragma once

// Cores that it may use, at least 1: fewer than there are where a job was given some.
int machine_cores(void);

// The folder of the executable, absolute; the caller frees. die() where /proc is not mounted.
char *machine_program_folder(void);
