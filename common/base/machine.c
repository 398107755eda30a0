// What the system says about this process. What it has used so far, time and memory, is in clock.c.
#include "base/machine.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"

int machine_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

char *machine_program_folder(void) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) die(EXIT_RUN, "/proc/self/exe cannot be read: is /proc mounted?");
    program[length] = 0;
    return path_parent(program);
}
