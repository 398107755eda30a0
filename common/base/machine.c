// What the system says about this process. What it has used so far, time and memory, is in clock.c.
#include "base/machine.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"

int machine_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int64_t machine_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) bug("RLIMIT_NOFILE: %s", strerror(errno));
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit)) limit.rlim_cur = before;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

// The one that lists is listed, too.
int64_t machine_open_descriptors(void) {
    struct strings names = {0};
    if (directory_list("/proc/self/fd", &names)) die(EXIT_RUN, "/proc/self/fd cannot be read: is /proc mounted?");
    const int64_t count = (int64_t)names.count - 1;
    strings_release(&names);
    return count;
}

char *machine_identity(void) {
    struct utsname name;
    struct buffer boot = {0};
    if (uname(&name)) bug("uname: %s", strerror(errno));
    if (file_read("/proc/sys/kernel/random/boot_id", 256, &boot)) die(EXIT_RUN, "is /proc mounted?");
    char *identity = xformat("%s %.*s", name.nodename, (int)strcspn(boot.bytes, "\n"), boot.bytes);
    buffer_release(&boot);
    return identity;
}

char *machine_program_folder(void) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) die(EXIT_RUN, "/proc/self/exe cannot be read: is /proc mounted?");
    program[length] = 0;
    return path_parent(program);
}

char *machine_find_object(const char *name) {
    static const char *const places[] = {"../lib", "../../lib", "../../../lib"};
    char *directory = machine_program_folder(), *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places && !found; i++) {
        char *path = xformat("%s/%s/%s", directory, places[i], name);
        if (access(path, R_OK) == 0)
            found = path;
        else
            free(path);
    }
    free(directory);
    return found;
}
