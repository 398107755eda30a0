// Writes a list (spool.h) while others read it, in batches that may be ended early.
#pragma once

#include <stddef.h>

#include "base/memory.h"

// Where a line begins from which the list may be cut.
struct spool_step {
    int64_t line, byte;
};

struct spool_writer {
    int fd, batch;
    int64_t lines; // fillers counted
    int64_t bytes; // of them, with their ends
    struct spool_step *step;
    size_t steps, step_capacity;
    char *path;
    struct buffer pending; // not yet in the file
};

// Makes the file `path`, of batches of `batch` lines. 0 or -EXIT_RUN.
int spool_writer_open(struct spool_writer *writer, const char *path, int batch);
void spool_write(struct spool_writer *writer, const char *line, size_t size); // which spool_refuses does not
void spool_cut(struct spool_writer *writer);                                  // ends the batch that was begun, if any
int spool_flush(struct spool_writer *writer);                                 // 0 or -EXIT_RUN
// The first `lines` are not read any more: the disk has back what most of them took, where the file system can, a
// while later. 0 or -EXIT_RUN.
int spool_forget(struct spool_writer *writer, int64_t lines);
void spool_writer_abandon(struct spool_writer *writer); // of a failure: readers go on waiting; also after a failed open
int spool_writer_close(struct spool_writer *writer);    // flushes and says that the list is whole. 0 or -EXIT_RUN

// Lines of the batch that was begun.
static inline int spool_begun(const struct spool_writer *writer) {
    return (int)(writer->lines % writer->batch);
}
