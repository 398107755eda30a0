#include "dataset/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"

enum { CHUNK = 64 << 10 };

struct spool {
    int fd;
    char *path, *closed;
    int64_t *start; // of line i in the file; start[lines] is where the next one begins
    int64_t lines, capacity, scanned;
    struct buffer line;
};

static void add_start(struct spool *spool, int64_t offset) {
    if (++spool->lines >= spool->capacity) {
        spool->capacity *= 2;
        spool->start = xrealloc_array(spool->start, (size_t)spool->capacity, sizeof *spool->start);
    }
    spool->start[spool->lines] = offset;
}

int spool_open(struct spool **spool, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *spool = NULL;
    if (fd < 0) return error(EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    struct spool *new = *spool = xcalloc(1, sizeof *new);
    new->fd = fd;
    new->path = xstrdup(path);
    new->closed = xformat("%s.closed", path);
    new->capacity = 1024;
    new->start = xcalloc((size_t) new->capacity, sizeof *new->start);
    return 0;
}

void spool_close(struct spool **spool) {
    struct spool *old = *spool;
    if (!old) return;
    close(old->fd);
    free(old->path);
    free(old->closed);
    free(old->start);
    buffer_release(&old->line);
    free(old);
    *spool = NULL;
}

static int cannot_read(const struct spool *spool) {
    return error(EXIT_DATA, "%s: cannot be read: %s", spool->path, strerror(errno));
}

static void find_lines(struct spool *spool, const char *bytes, size_t size) {
    for (const char *at = bytes, *end = bytes + size; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        add_start(spool, spool->scanned + (at - bytes) + 1);
    spool->scanned += (int64_t)size;
}

static int scan(struct spool *spool) {
    char chunk[CHUNK];
    ssize_t got;
    while ((got = pread(spool->fd, chunk, sizeof chunk, (off_t)spool->scanned)) > 0)
        find_lines(spool, chunk, (size_t)got);
    return got ? cannot_read(spool) : 0;
}

int spool_look(struct spool *spool, int64_t *lines, bool *growing) {
    // Asked before reading to the end: what is written before FILE.closed is then seen.
    *growing = !file_exists(spool->closed);
    int status = scan(spool);
    // The last line may lack its end.
    if (!*growing && spool->scanned > spool->start[spool->lines]) add_start(spool, spool->scanned);
    *lines = spool->lines;
    return status;
}

static int read_exactly(struct spool *spool, char *bytes, size_t size, int64_t offset) {
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(spool->fd, bytes + done, size - done, (off_t)offset + (off_t)done);
        if (got < 0) return cannot_read(spool);
        if (got == 0) return error(EXIT_DATA, "%s: was cut while it was read", spool->path);
        done += (size_t)got;
    }
    return 0;
}

int spool_line(struct spool *spool, int64_t n, const char **line) {
    const size_t size = (size_t)(spool->start[n + 1] - spool->start[n]);
    if (size > SPOOL_LINE_LIMIT)
        return error(EXIT_DATA, "%s: line %" PRId64 " has more than %d bytes", spool->path, n + 1, SPOOL_LINE_LIMIT);
    buffer_clear(&spool->line);
    buffer_reserve(&spool->line, size + 1);
    char *bytes = spool->line.bytes;
    int status = read_exactly(spool, bytes, size, spool->start[n]);
    bytes[size && bytes[size - 1] == '\n' ? size - 1 : size] = 0;
    *line = bytes;
    return status;
}
