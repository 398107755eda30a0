// Files of a job that belong to none of its processes: the lock, the sockets' folder, the FIFO by which stages notice
// that their supervisor is gone or wants them gone. coca-loss --prepare takes the same lock while it makes a run.
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int take_lock(const char *path, const char *directory, int *lock) {
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0) return error(EXIT_RUN, "%s: cannot be made: %s", path, strerror(errno));
    if (!flock(*lock, LOCK_EX | LOCK_NB)) return 0;
    return error(EXIT_USAGE, "%s is in use by another job: wait for it, or choose another --name", directory);
}

int folder_take(const char *directory, int *lock) {
    char *path = path_join(directory, "lock"), *sockets = path_join(directory, "sockets"),
         *log = path_join(directory, "log");
    int status = take_lock(path, directory, lock);
    if (!status) status = directory_make_private(sockets);
    if (!status) status = directory_make(log);
    free(path);
    free(sockets);
    free(log);
    return status;
}

// Removes the files of a folder whose names match; folders in it stay.
static void clear(const char *directory, const char *name, const char *pattern) {
    char *path = path_join(directory, name);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (!fnmatch(pattern, entry->d_name, 0)) unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) closedir(folder);
    free(path);
}

void folder_clear_sockets(const char *directory) {
    clear(directory, "sockets", "*");
}

int folder_open(const char *directory, int *supervisor) {
    char *path = path_join(directory, "sockets/supervisor");
    folder_clear_sockets(directory);
    clear(directory, "log", "*.counters");
    // Open for reading, too, so that nobody has to be there yet.
    *supervisor = mkfifo(path, 0600) ? -1 : open(path, O_RDWR | O_CLOEXEC);
    int status = *supervisor < 0 ? error(EXIT_RUN, "%s: cannot be made: %s", path, strerror(errno)) : 0;
    free(path);
    return status;
}
