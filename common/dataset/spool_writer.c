// The writing end of spool.h, for coca-spool and coca-serve, which hand requests on as they come. Lines are gathered
// and written in one go, so that readers, who look at any time, mostly see whole batches.
#include "dataset/spool_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "dataset/spool.h"

static int cannot_write(const char *path) {
    return error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
}

static char *closed_path(const struct spool_writer *writer) {
    return xformat("%s" SPOOL_CLOSED, writer->path);
}

// What closed an earlier list of the same path goes before the first byte of this one comes: else a reader would take
// the growing list for whole.
static int remove_closed(const struct spool_writer *writer) {
    char *closed = closed_path(writer);
    int status = unlink(closed) && errno != ENOENT ? cannot_write(closed) : 0;
    free(closed);
    return status;
}

int spool_writer_open(struct spool_writer *writer, const char *path, int batch) {
    *writer = (struct spool_writer){.fd = -1, .batch = batch, .path = xstrdup(path)};
    int status = remove_closed(writer);
    if (status) return status;
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return writer->fd < 0 ? cannot_write(path) : 0;
}

void spool_write(struct spool_writer *writer, const char *line, size_t size) {
    buffer_append(&writer->pending, line, size);
    buffer_append(&writer->pending, "", 1);
    writer->lines++;
}

// Readers ask for whole batches, at multiples of the batch's size. Fillers keep the lines behind them there.
void spool_cut(struct spool_writer *writer) {
    while (spool_begun(writer)) spool_write(writer, SPOOL_FILLER, strlen(SPOOL_FILLER));
}

// Whole lines always, in one write if the kernel takes it: a reader that sees the front of a line waits for the rest.
int spool_flush(struct spool_writer *writer) {
    const char *at = writer->pending.bytes;
    for (size_t left = writer->pending.size; left;) {
        ssize_t done = write(writer->fd, at, left);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return cannot_write(writer->path);
        at += done;
        left -= (size_t)done;
    }
    buffer_clear(&writer->pending);
    return 0;
}

void spool_writer_abandon(struct spool_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    buffer_release(&writer->pending);
    free(writer->path);
}

// FILE.closed only behind the last byte: to a reader it says that all is there.
int spool_writer_close(struct spool_writer *writer) {
    int status = writer->fd < 0 ? 0 : spool_flush(writer);
    if (!status && writer->fd >= 0) {
        char *closed = closed_path(writer);
        int fd = open(closed, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) status = cannot_write(closed);
        if (fd >= 0) close(fd);
        free(closed);
    }
    spool_writer_abandon(writer);
    return status;
}
