// A file is known again by its length and its time of modification. Both are looked at behind a read, too: a file that
// is written in place while it is read gives an error instead of a mixture.
#include "remote/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "remote/source.h"

enum { TAG_SIZE = 40 };

static void write_tag(char tag[TAG_SIZE], const struct stat *info) {
    snprintf(tag, TAG_SIZE, "%lld%09ld", (long long)info->st_mtim.tv_sec, (long)info->st_mtim.tv_nsec);
}

char *local_tag(const struct stat *info) {
    char tag[TAG_SIZE];
    write_tag(tag, info);
    return xstrdup(tag);
}

static int fail(struct failure *failure, const char *path, const char *what) {
    const int reason = errno;
    const bool few = reason == EMFILE || reason == ENFILE;
    return failure_set(failure, few ? EXIT_RUN : EXIT_DATA, "%s: %s: %s%s", path, what, strerror(reason),
                       few                ? "; raise the limit on open files (ulimit -n)"
                       : reason == ENOENT ? "; check the name, or index again without it"
                                          : "");
}

// A FIFO without a writer would wait for one; what it is is asked of what was opened.
int local_open(const char *path, struct failure *failure) {
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail(failure, path, "cannot be opened");
    int status = fstat(fd, &info) ? fail(failure, path, "cannot be read") : 0;
    if (!status && !S_ISREG(info.st_mode)) status = failure_set(failure, EXIT_DATA, "%s: not a regular file", path);
    if (!status) return fd;
    close(fd);
    return status;
}

static bool is_known(const struct object *known, int64_t bytes, const char *tag) {
    return (known->bytes < 0 || known->bytes == bytes) && (!known->tag || !strcmp(known->tag, tag));
}

int local_check(int fd, const struct object *known, struct failure *failure) {
    struct stat info;
    if (fstat(fd, &info)) return fail(failure, known->url, "cannot be read");
    char tag[TAG_SIZE];
    write_tag(tag, &info);
    return is_known(known, info.st_size, tag) ? 0 : failure_changed(failure, known, info.st_size, tag);
}

int local_read(int fd, const struct object *known, int64_t offset, void *bytes, size_t size, struct failure *failure) {
    char *to = bytes;
    while (size) {
        const ssize_t got = pread(fd, to, size, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(failure, known->url, "cannot be read");
        if (!got) break;
        to += got;
        offset += got;
        size -= (size_t)got;
    }
    const int status = local_check(fd, known, failure);
    if (status || !size) return status;
    return failure_set(failure, EXIT_DATA, "%s: ends at byte %lld, %zu bytes early; index again", known->url,
                       (long long)offset, size);
}

struct file_source {
    struct source base;
    int fd;
    struct stat before;
};

static ssize_t file_next(struct source *source, void *bytes, size_t size, struct failure *failure) {
    struct file_source *self = (struct file_source *)source;
    ssize_t got;
    while ((got = read(self->fd, bytes, size)) < 0)
        if (errno != EINTR) return fail(failure, source->known->url, "cannot be read");
    return got;
}

// The file of the first byte is that of the last.
static int file_end(struct source *source, char **tag, struct failure *failure) {
    struct file_source *self = (struct file_source *)source;
    *tag = local_tag(&self->before);
    const struct object begun = {.url = source->known->url, .bytes = self->before.st_size, .tag = *tag};
    return local_check(self->fd, &begun, failure);
}

static void file_close(struct source *source) {
    close(((struct file_source *)source)->fd);
    free(source);
}

int source_open_file(struct source **source, const struct object *known, struct failure *failure) {
    const int fd = local_open(known->url, failure);
    if (fd < 0) return fd;
    int status = local_check(fd, known, failure);
    struct file_source *self = xcalloc(1, sizeof *self);
    *self = (struct file_source){.base = {.read = file_next, .end = file_end, .close = file_close}, .fd = fd};
    if (!status && fstat(fd, &self->before)) status = fail(failure, known->url, "cannot be read");
    *source = &self->base;
    if (status) file_close(&self->base);
    return status;
}
