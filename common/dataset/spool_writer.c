// The writing end of spool.h, for coca-spool and coca-serve, which hand requests on as they come. Lines are gathered
// and written in one go, so that readers, who look at any time, mostly see whole batches.
#include "dataset/spool_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "dataset/spool.h"

enum { STEP_LINES = 16 * SPOOL_STRIDE }; // after which a list may begin anew

static int cannot_write(const char *path) {
    return error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
}

static char *closed_path(const struct spool_writer *writer) {
    return xformat("%s" SPOOL_CLOSED, writer->path);
}

static char *begins_path(const struct spool_writer *writer) {
    return xformat("%s" SPOOL_BEGINS, writer->path);
}

// What closed an earlier list of the same path goes before the first byte of this one comes: else a reader would take
// the growing list for whole.
static int remove_closed(const struct spool_writer *writer) {
    char *closed = closed_path(writer), *begins = begins_path(writer);
    int status = unlink(closed) && errno != ENOENT ? cannot_write(closed) : 0;
    if (!status && unlink(begins) && errno != ENOENT) status = cannot_write(begins);
    free(closed);
    free(begins);
    return status;
}

int spool_writer_open(struct spool_writer *writer, const char *path, int batch) {
    *writer = (struct spool_writer){.fd = -1, .batch = batch, .path = xstrdup(path)};
    int status = remove_closed(writer);
    if (status) return status;
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return writer->fd < 0 ? cannot_write(path) : 0;
}

static void add_step(struct spool_writer *writer) {
    if (writer->steps == writer->step_capacity) {
        writer->step_capacity = writer->step_capacity ? 2 * writer->step_capacity : 4;
        writer->step = xrealloc_array(writer->step, writer->step_capacity, sizeof *writer->step);
    }
    writer->step[writer->steps++] = (struct spool_step){writer->lines, writer->bytes};
}

void spool_write(struct spool_writer *writer, const char *line, size_t size) {
    buffer_append(&writer->pending, line, size);
    buffer_append(&writer->pending, "", 1);
    writer->bytes += (int64_t)size + 1;
    if (++writer->lines % STEP_LINES == 0) add_step(writer);
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

// A reader that has just read FILE.begins counts from there: what it counts must not become zeros, each of which would
// be a line. So the front is given back up to the step before the one that FILE.begins names from now on, which no
// reader can still be counting from, as a step is many batches' work.
static int begin_at(const struct spool_writer *writer, const struct spool_step *given_back,
                    const struct spool_step *begin) {
    char text[64], *path = begins_path(writer);
    const int size = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 "\n", begin->line, begin->byte);
    int status = file_write(path, text, (size_t)size);
    free(path);
    if (!status) fallocate(writer->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, given_back->byte);
    return status;
}

int spool_forget(struct spool_writer *writer, int64_t lines) {
    int status = 0;
    while (!status && writer->steps > 1 && writer->step[1].line <= lines) {
        status = begin_at(writer, &writer->step[0], &writer->step[1]);
        memmove(writer->step, writer->step + 1, --writer->steps * sizeof *writer->step);
    }
    return status;
}

void spool_writer_abandon(struct spool_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    free(writer->step);
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
