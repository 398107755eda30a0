// The folder for checkpoints in memory, from the start that makes it (run_directory.c) to the good end of the run, when
// the last checkpoint is on disk (train/conductor.c). After any other end it stays: it may hold the newest state, which
// --resume latest then takes. What is written into it is checkpoint.c's.
#include "run/checkpoint_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define TMPFS "/dev/shm"

const char *checkpoint_folder(enum checkpoint_place place) {
    return place == CHECKPOINT_MEMORY ? CHECKPOINTS_MEMORY : CHECKPOINTS;
}

static int make_link(const char *folder, const char *link) {
    if (unlink(link) && errno != ENOENT) return error(EXIT_RUN, "%s: cannot be replaced: %s", link, strerror(errno));
    if (!symlink(folder, link)) return 0;
    return error(EXIT_RUN, "%s: cannot be made: %s", link, strerror(errno));
}

static int make_folder(const char *folder, const char *link) {
    int status = directory_make_private(folder);
    char *absolute = status ? NULL : realpath(folder, NULL);
    if (!status) status = make_link(absolute ? absolute : folder, link);
    if (!status) note("checkpoints in memory: %s", folder);
    free(absolute);
    return status;
}

// Each run has a folder of its own in the one that is wanted: the steps of two runs are not to be mixed up.
int checkpoint_memory_open(const char *run_directory, const char *wanted, const char *id) {
    char *link = path_join(run_directory, CHECKPOINTS_MEMORY);
    char *folder = xformat("%s/cocaflow-%s", wanted ? wanted : TMPFS, id);
    int status = directory_exists(link) ? 0 : make_folder(folder, link);
    free(folder);
    free(link);
    return status;
}

static bool is_checkpoint(const char *name) {
    return text_begins(name, "step-") || text_begins(name, ".step-") || text_begins(name, "damaged-step-");
}

// No more than what is ours: the link may have been led elsewhere.
static int remove_folder(const char *folder) {
    struct strings names = {0};
    int status = directory_list(folder, &names);
    for (size_t i = 0; i < names.count && !status; i++) {
        char *path = path_join(folder, names.item[i]);
        if (is_checkpoint(names.item[i])) status = directory_remove(path);
        free(path);
    }
    strings_release(&names);
    if (status || !rmdir(folder)) return status;
    return error(EXIT_RUN, "%s: cannot be removed: %s", folder, strerror(errno));
}

int checkpoint_memory_close(const char *run_directory) {
    char *link = path_join(run_directory, CHECKPOINTS_MEMORY), *folder = realpath(link, NULL);
    int status = folder ? remove_folder(folder) : 0;
    if (!status) unlink(link);
    free(folder);
    free(link);
    return status;
}
