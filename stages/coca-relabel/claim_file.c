// Files are opened for each look: on NFS it is the opening that asks the server how things stand.
#include "claim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int fail(const char *path, const char *what) {
    return error(EXIT_RUN, "%s: %s (%s): claims need a folder in which every claimant may write", path, what,
                 strerror(errno));
}

char *claim_file_path(const char *folder, const char *name, int64_t generation) {
    return xformat("%s/%s~%" PRId64, folder, name, generation);
}

bool claim_file_parse(const char *file, int *length, int64_t *generation) {
    const char *mark = strrchr(file, '~');
    char *end;
    if (!mark || mark == file || mark[1] < '1' || mark[1] > '9') return false;
    errno = 0;
    *length = (int)(mark - file);
    *generation = strtoll(mark + 1, &end, 10);
    return !*end && !errno && *generation < INT64_MAX;
}

int claim_file_highest(const char *folder, const char *name, int64_t *generation) {
    struct strings files = {0};
    const int size = (int)strlen(name);
    int length, status = directory_list(folder, &files);
    int64_t each;
    *generation = 0;
    for (size_t i = 0; i < files.count; i++)
        if (claim_file_parse(files.item[i], &length, &each) && length == size &&
            !memcmp(files.item[i], name, (size_t)size) && each > *generation)
            *generation = each;
    strings_release(&files);
    return status ? -EXIT_RUN : 0;
}

static bool put_line(int fd, const struct claim_line *line) {
    char text[CLAIM_SIZE + 1];
    int size = snprintf(text, sizeof text, "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %.3f %" PRIx64,
                        line->host, line->pid, line->pictures, line->captions, line->bad, line->seconds, line->secret);
    memset(text + size, ' ', (size_t)(CLAIM_SIZE - size));
    text[CLAIM_SIZE - 1] = '\n';
    return pwrite(fd, text, CLAIM_SIZE, 0) == CLAIM_SIZE;
}

// What is no line stays all 0: a claim nevertheless, by its age.
static void get_line(int fd, struct claim_line *line) {
    char text[CLAIM_SIZE + 1] = "";
    ssize_t size = pread(fd, text, CLAIM_SIZE, 0);
    text[size > 0 ? size : 0] = 0;
    if (sscanf(text, "%255s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %lf %" SCNx64, line->host, &line->pid,
               &line->pictures, &line->captions, &line->bad, &line->seconds, &line->secret) != 7)
        *line = (struct claim_line){0};
}

int claim_file_make(const char *path, const struct claim_line *line) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return errno == EEXIST ? 0 : fail(path, "cannot be made");
    bool written = put_line(fd, line);
    if (!close(fd) && written) return 1;
    int status = fail(path, "cannot be written");
    unlink(path);
    return status;
}

static int64_t modified(const struct stat *info) {
    return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

static int open_claim(const char *path, int mode, int *fd) {
    *fd = open(path, mode | O_CLOEXEC);
    if (*fd >= 0) return 1;
    return errno == ENOENT || errno == ESTALE ? 0 : fail(path, "cannot be opened");
}

int claim_file_see(const char *path, struct claim_seen *seen) {
    struct stat info;
    int fd, status = open_claim(path, O_RDONLY, &fd);
    if (status <= 0) return status;
    get_line(fd, &seen->line);
    if (fstat(fd, &info))
        status = errno == ESTALE ? 0 : fail(path, "cannot be looked at");
    else
        seen->written = modified(&info);
    close(fd);
    return status;
}

int claim_file_write(const char *path, const struct claim_line *line) {
    struct claim_line there = {0};
    int fd, status = open_claim(path, O_RDWR, &fd);
    if (status <= 0) return status;
    get_line(fd, &there);
    if (there.secret != line->secret)
        status = 0;
    else if (!put_line(fd, line))
        status = fail(path, "cannot be written");
    close(fd);
    return status;
}

int claim_clock_open(int *clock, const char *folder) {
    char *path = xformat("%s/.clock.XXXXXX", folder);
    int status = 0;
    *clock = mkostemp(path, O_CLOEXEC);
    if (*clock < 0)
        status = fail(folder, "no file can be made in it");
    else
        unlink(path);
    free(path);
    return status;
}

int claim_clock_now(int clock, const char *folder, int64_t *now) {
    struct stat info;
    if (futimens(clock, NULL) || fstat(clock, &info)) return fail(folder, "its clock cannot be read");
    *now = modified(&info);
    return 0;
}
