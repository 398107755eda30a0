// Where this process runs.
#pragma once

#include <stdint.h>

// Cores that it may use, at least 1: fewer than there are where a job was given some.
int machine_cores(void);

// Files that this process may have open, once the limit is raised as far as it goes; and how many it has open.
int64_t machine_raise_descriptors(void);
int64_t machine_open_descriptors(void);

// Tells this host, as it is booted now, from others: its name and the boot's id. A network namespace with a host name
// of its own is a host. The caller frees.
char *machine_identity(void);

// The folder of the executable, absolute; the caller frees. die() where /proc is not mounted.
char *machine_program_folder(void);

// A shared object of this build by its name, in lib/ beside the executable's folder or, for the programs of tests,
// further up; NULL where it is not there. The caller frees.
char *machine_find_object(const char *name);
