// Files and directories for everybody who touches a disk: run directories, checkpoints, stores, configurations. It
// knows paths and bytes and nothing of formats. What it adds to the C library: an error names the path, the reason and
// a remedy; nothing is ever half there under its name; what is read is bounded by a limit that the caller has to name.
// Who may write where at all, and against whom it must be locked, is the callers' affair.
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static const char *remedy(int failure) {
    switch (failure) {
    case ENOENT: return "; check the name, and that its directory exists";
    case ENOTDIR: return "; a part of its path is no directory";
    case EEXIST: return "; a file of that name is in the way";
    case EISDIR: return "; name a file in it";
    case EACCES:
    case EPERM: return "; check the permissions, or name another place";
    case EROFS: return "; name a place that can be written";
    case ENOSPC:
    case EDQUOT: return "; free some space, or name another place";
    case EFBIG: return "; raise the limit on file sizes (ulimit -f)";
    case EMFILE: return "; raise the limit on open files (ulimit -n)";
    default: return "";
    }
}

// Reports what errno says.
static int fail(enum exit_code code, const char *path, const char *what) {
    int failure = errno;
    return error(code, "%s: %s: %s%s", path, what, strerror(failure), remedy(failure));
}

// Reads until there is no more, not as much as fstat says: a pipe and a file of /proc have no size. The limit is looked
// at after each block, so a file that is too large costs one block more than the limit and not its size.
static int read_all(FILE *file, const char *path, size_t limit, struct buffer *buffer) {
    size_t start = buffer->size, got;
    do {
        buffer_reserve(buffer, 1 << 16);
        got = fread(buffer->bytes + buffer->size, 1, 1 << 16, file);
        buffer->size += got;
        if (buffer->size - start > limit)
            return error(EXIT_DATA, "%s: more than %zu bytes; is it the right file?", path, limit);
    } while (got);
    buffer->bytes[buffer->size] = 0;
    return ferror(file) ? fail(EXIT_DATA, path, "cannot be read") : 0;
}

int file_read(const char *path, size_t limit, struct buffer *buffer) {
    if (!strcmp(path, "-")) return read_all(stdin, "stdin", limit, buffer);
    FILE *file = fopen(path, "rbe");
    if (!file) return fail(EXIT_DATA, path, "cannot be opened");
    int status = read_all(file, path, limit, buffer);
    fclose(file);
    return status;
}

// The map outlives the descriptor. Zero bytes cannot be mapped, so an empty file is a map of none. A file that shrinks
// while it is mapped ends its reader by SIGBUS: what others may map is replaced by aside_commit, never written in
// place.
static int map_descriptor(struct file_map *map, int fd, const char *path) {
    struct stat info;
    if (fstat(fd, &info)) return fail(EXIT_DATA, path, "cannot be read");
    if (!S_ISREG(info.st_mode)) return error(EXIT_DATA, "%s: not a regular file", path);
    if (info.st_size == 0) return 0;
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return fail(EXIT_DATA, path, "cannot be mapped");
    map->bytes = bytes;
    map->size = (size_t)info.st_size;
    return 0;
}

int file_map_open(struct file_map *map, const char *path) {
    *map = (struct file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(EXIT_DATA, path, "cannot be opened");
    int status = map_descriptor(map, fd, path);
    close(fd);
    return status;
}

void file_map_close(struct file_map *map) {
    if (map->size) munmap((void *)(uintptr_t)map->bytes, map->size);
    *map = (struct file_map){0};
}

bool file_exists(const char *path) {
    struct stat info;
    return !stat(path, &info) && !S_ISDIR(info.st_mode);
}

bool directory_exists(const char *path) {
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

// Two processes may make the same directory at the same time, so one that is there already is no error, but a file of
// its name is.
static int make_one(const char *path) {
    if (!mkdir(path, 0777) || (errno == EEXIST && directory_exists(path))) return 0;
    return fail(EXIT_RUN, path, "the directory cannot be made");
}

// Ends the path at each of its slashes in turn, to make the parents first; behind the first byte, so that "/" is none.
int directory_make(const char *path) {
    if (!*path) return error(EXIT_RUN, "a directory without a name cannot be made");
    char *copy = xstrdup(path);
    int status = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        status = make_one(copy);
        *slash = '/';
    }
    if (!status) status = make_one(copy);
    free(copy);
    return status;
}

// By a descriptor, so that what is looked at is what is changed.
static int make_private(int fd, const char *path) {
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) return fail(EXIT_RUN, path, "cannot be read");
    if (info.st_uid != geteuid())
        return error(EXIT_RUN, "%s: belongs to another user, who could listen there; remove it, or name another place",
                     path);
    return fchmod(fd, S_IRWXU) ? fail(EXIT_RUN, path, "its permissions cannot be set") : 0;
}

int directory_make_private(const char *path) {
    const mode_t before = umask(S_IRWXG | S_IRWXO);
    int status = directory_make(path);
    umask(before);
    if (status) return status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status = make_private(fd, path);
    if (fd >= 0) close(fd);
    return status;
}

// `name` is what a report names.
static int sync_directory(const char *directory, const char *name) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) ? fail(EXIT_RUN, name, "cannot be synced") : 0;
    if (fd >= 0) close(fd);
    return status;
}

int directory_sync(const char *path) {
    return sync_directory(path, path);
}

int path_sync(const char *path) {
    char *parent = path_parent(path);
    int status = sync_directory(parent, path);
    free(parent);
    return status;
}

static int is_name(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

int directory_list(const char *path, struct strings *names) {
    struct dirent **entry;
    int count = scandir(path, &entry, is_name, NULL);
    if (count < 0) return errno == ENOENT ? 0 : fail(EXIT_DATA, path, "cannot be read");
    for (int i = 0; i < count; i++) {
        strings_add_text(names, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return 0;
}

// nftw tells of a directory after what is in it (FTW_DEPTH), and of links themselves, not of what they lead to
// (FTW_PHYS): a link in a run directory must not take the data away to which it points.
static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

int directory_remove(const char *path) {
    struct stat info;
    if (lstat(path, &info) && errno == ENOENT) return 0;
    if (!nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS)) return 0;
    return fail(EXIT_RUN, path, "cannot be removed");
}

// What cannot be replaced by a file of its name, or must not: devices, FIFOs, and the names under which a process finds
// its own descriptors, though a file may stand behind them.
static bool is_in_place(const char *path) {
    struct stat info;
    if (text_begins(path, "/dev/std") || text_begins(path, "/dev/fd/") || text_begins(path, "/proc/")) return true;
    return !stat(path, &info) && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode) || S_ISFIFO(info.st_mode));
}

// The path where the file itself stands, when the name is a link; the caller frees.
static char *behind_links(const char *path) {
    char *target = realpath(path, NULL);
    return target ? target : xstrdup(path);
}

// Whether a name as long as aside's can be made beside it. One that is there was made by somebody else just now.
static bool can_be_made(const char *path) {
    char *target = behind_links(path), *trial = xformat("%s.%03x", target, (unsigned)getpid() & 0xfff);
    int fd = open(trial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), failure = errno;
    if (fd >= 0) {
        close(fd);
        unlink(trial);
    }
    free(target);
    free(trial);
    errno = failure;
    return fd >= 0 || failure == EEXIST;
}

int file_check_output(const char *name, const char *path) {
    struct stat info;
    if (!strcmp(path, "-")) return 0;
    const bool there = !stat(path, &info);
    bool fine = there ? !access(path, W_OK) : *path != 0;
    if (there && S_ISDIR(info.st_mode)) {
        fine = false;
        errno = EISDIR;
    }
    if (fine && (is_in_place(path) || can_be_made(path))) return 0;
    if (!*path) return error(EXIT_RUN, "%s: the name of the file is empty", name);
    char *what = xformat("%s %s", name, path);
    int status = fail(EXIT_RUN, what, "cannot be written");
    free(what);
    return status;
}

// A file comes to its name in four steps. Between any two of them the power may fail, and then the name leads to the
// old file or to the new one, whole.
//
// 1. PATH.tmp is written, in the same directory, since rename works within one file system only. The name is fixed:
// what a killed process left behind is overwritten and does not pile up.
// 2. It is fsynced. A rename may reach the disk before the data do, and would then show a file of zeros.
// 3. It is renamed, which replaces the old file at once for whoever opens the name. Who has the old one open or mapped
// keeps it.
// 4. The directory is fsynced, since the new name is its content. What has been reported as done stays done.
//
// Callers need not look at single writes: stdio remembers in the stream that one failed, and step 2 begins with asking.

static void aside_release(struct aside *aside) {
    free(aside->path);
    free(aside->temporary);
    *aside = (struct aside){0};
}

// Without O_CREAT and O_TRUNC: it is there, and what else is behind a descriptor is not ours.
static FILE *open_in_place(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

static char *name_aside(const char *path) {
    return xformat("%s.tmp", path);
}

int aside_open(struct aside *aside, const char *path) {
    const bool in_place = is_in_place(path);
    *aside = (struct aside){.path = in_place ? xstrdup(path) : behind_links(path)};
    if (!in_place) aside->temporary = name_aside(aside->path);
    aside->file = in_place ? open_in_place(path) : fopen(aside->temporary, "wbe");
    if (aside->file) return 0;
    int status = fail(EXIT_RUN, path, "cannot be written");
    aside_release(aside);
    return status;
}

// Why a write failed, some calls ago: stdio remembers only that one did. What was in its way mostly still is, and
// refuses one byte more, too, of a file that is thrown away in any case.
static int reason_of_failed_write(FILE *file) {
    return write(fileno(file), "", 1) < 0 ? errno : EIO;
}

// Closes, with all that was written on the disk. False, with errno, when any write failed; the reason is the first
// one's. A file on a network may tell of a failed write as late as in fclose.
static bool settle(FILE *file, bool in_place) {
    bool failed = ferror(file), whole = !failed && !fflush(file) && (in_place || !fsync(fileno(file)));
    int failure = failed ? reason_of_failed_write(file) : errno;
    bool closed = !fclose(file);
    if (!whole) errno = failure;
    return whole && closed;
}

// A directory that cannot be synced is an error too, though the file is there: nobody can promise that it stays.
int aside_commit(struct aside *aside) {
    const char *temporary = aside->temporary;
    int status = 0;
    if (!settle(aside->file, !temporary) || (temporary && rename(temporary, aside->path))) {
        status = fail(EXIT_RUN, aside->path, "cannot be written");
        if (temporary) remove(temporary);
    } else if (temporary)
        status = path_sync(aside->path);
    aside_release(aside);
    return status;
}

void aside_abandon(struct aside *aside) {
    fclose(aside->file);
    if (aside->temporary) remove(aside->temporary);
    aside_release(aside);
}

int aside_extend(struct aside *aside, int64_t size) {
    if (!fflush(aside->file) && !ftruncate(fileno(aside->file), size)) return 0;
    return fail(EXIT_RUN, aside->path, "cannot be written");
}

int aside_share_open(struct aside_share *share, const char *path) {
    char *target = behind_links(path), *temporary = name_aside(target);
    *share = (struct aside_share){.fd = open(temporary, O_WRONLY | O_CLOEXEC)};
    int status = share->fd < 0 ? fail(EXIT_RUN, temporary, "cannot be written") : 0;
    free(target);
    free(temporary);
    return status;
}

void aside_share_write(struct aside_share *share, const void *bytes, size_t size, int64_t at) {
    const char *from = bytes;
    while (size && !share->failure) {
        ssize_t written = pwrite(share->fd, from, size, at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) share->failure = written < 0 ? errno : EIO;
        if (written <= 0) return;
        from += written;
        at += written;
        size -= (size_t)written;
    }
}

int aside_share_close(struct aside_share *share, const char *path) {
    if (!share->failure && fsync(share->fd)) share->failure = errno;
    if (close(share->fd) && !share->failure) share->failure = errno;
    errno = share->failure;
    return share->failure ? fail(EXIT_RUN, path, "cannot be written") : 0;
}

int file_write(const char *path, const void *bytes, size_t size) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    if (size) fwrite(bytes, 1, size, aside.file);
    return aside_commit(&aside);
}

int file_copy(const char *from, const char *to) {
    struct file_map map;
    int status = file_map_open(&map, from);
    if (status) return status;
    status = file_write(to, map.bytes, map.size);
    file_map_close(&map);
    return status;
}

char *path_join(const char *directory, const char *name) {
    if (name[0] == '/') return xstrdup(name);
    size_t length = strlen(directory);
    bool joined = !length || directory[length - 1] == '/';
    return xformat("%s%s%s", directory, joined ? "" : "/", name);
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_parent(const char *path) {
    size_t length = (size_t)(path_base(path) - path);
    while (length > 1 && path[length - 1] == '/') length--;
    return length ? xstrndup(path, length) : xstrdup(".");
}

char *path_beside(const char *path, const char *name) {
    return xformat("%.*s%s", (int)(path_base(path) - path), path, name);
}
