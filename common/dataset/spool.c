// Reads the lines of a list, perhaps while it is written: in path mode a script spools its stdin into a file, and
// workers take line n of it when they are asked for sample n. A file, not a pipe, because several workers read the same
// lines, out of order, and again after one died. That it is whole is told by a second file, FILE.closed, since a file
// has no end that a reader could wait for. sources.c calls; spool_writer.c and shell scripts write.
//
// Lists have millions of lines, so only every STRIDE-th line's place is kept; a line is found from the mark before it,
// or from the line that was read last, which is mostly the one before.
#include "dataset/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/lines.h"

enum { CHUNK = 64 << 10, STRIDE = SPOOL_STRIDE };

struct spool {
    int fd;
    enum spool_end end;
    char *path, *closed;
    int64_t *mark; // where line i·STRIDE begins: few enough to keep for lists of millions
    int64_t lines, capacity, scanned;
    int64_t first;                 // line that is still there
    int64_t begun;                 // where the line behind the last whole one begins
    int64_t next_line, next_start; // behind the line that was read last
    struct buffer line;
};

// A line ends before `end`, which is where the next one begins.
static void add_line(struct spool *spool, int64_t end) {
    spool->begun = end;
    if (++spool->lines % STRIDE) return;
    const int64_t i = spool->lines / STRIDE;
    if (i >= spool->capacity) {
        spool->capacity *= 2;
        spool->mark = xrealloc_array(spool->mark, (size_t)spool->capacity, sizeof *spool->mark);
    }
    spool->mark[i] = end;
}

const char *spool_refuses(const char *line, size_t size) {
    if (size >= SPOOL_LINE_LIMIT) return "has more than 65535 bytes";
    if (memchr(line, 0, size)) return "holds a NUL byte";
    const bool filler = size == strlen(SPOOL_FILLER) && !memcmp(line, SPOOL_FILLER, size);
    return filler ? "is what fills up batches in lists" : NULL;
}

// Who comes when the list has lost its front counts from where it begins.
static int find_front(struct spool *spool) {
    char *path = xformat("%s" SPOOL_BEGINS, spool->path), text[64] = "";
    FILE *file = fopen(path, "re");
    int64_t line = 0, byte = 0;
    const bool is_there = file && fgets(text, sizeof text, file);
    if (file) fclose(file);
    const bool is_read = !is_there || (sscanf(text, "%" SCNd64 " %" SCNd64, &line, &byte) == 2 && line >= 0 &&
                                       line % STRIDE == 0 && byte >= line && line / STRIDE < INT32_MAX);
    int status = is_read ? 0 : error(EXIT_DATA, "%s: does not say where the list begins", path);
    free(path);
    if (status || !line) return status;
    spool->capacity = 2 * (line / STRIDE + 1);
    spool->mark = xrealloc_array(spool->mark, (size_t)spool->capacity, sizeof *spool->mark);
    memset(spool->mark, 0, (size_t)spool->capacity * sizeof *spool->mark);
    spool->mark[line / STRIDE] = byte;
    spool->first = spool->lines = line;
    spool->begun = spool->scanned = byte;
    return 0;
}

int spool_open(struct spool **spool, const char *path, enum spool_end end) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *spool = NULL;
    if (fd < 0) return error(EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    struct spool *new = *spool = xcalloc(1, sizeof *new);
    new->fd = fd;
    new->end = end;
    new->path = xstrdup(path);
    new->closed = xformat("%s" SPOOL_CLOSED, path);
    new->capacity = 16;
    new->mark = xcalloc((size_t) new->capacity, sizeof *new->mark);
    int status = find_front(new);
    if (status) spool_close(spool);
    return status;
}

void spool_close(struct spool **spool) {
    struct spool *old = *spool;
    if (!old) return;
    close(old->fd);
    free(old->path);
    free(old->closed);
    free(old->mark);
    buffer_release(&old->line);
    free(old);
    *spool = NULL;
}

static int cannot_read(const struct spool *spool) {
    return error(EXIT_DATA, "%s: cannot be read: %s", spool->path, strerror(errno));
}

// Lines of text begin behind a byte order mark. It is looked for when the first line may have come whole.
static void skip_mark(struct spool *spool, const char *chunk, size_t got) {
    if (spool->scanned || spool->end == SPOOL_NUL) return;
    spool->begun = spool->mark[0] = (int64_t)lines_mark(chunk, got);
}

static int count_lines(struct spool *spool, const char *chunk, size_t got) {
    const char *end = chunk + got;
    for (const char *at = chunk; (at = memchr(at, spool->end, (size_t)(end - at))); at++)
        add_line(spool, spool->scanned + (at - chunk) + 1);
    if (spool->end == SPOOL_NUL || !memchr(chunk, 0, got)) return 0;
    return error(EXIT_DATA, "%s: holds NUL bytes: --null reads a list whose entries end with them", spool->path);
}

// Counts what has come since the last look; lines that are not whole yet are not counted.
static int scan(struct spool *spool, bool growing) {
    char chunk[CHUNK];
    ssize_t got;
    int status = 0;
    while (!status && (got = pread(spool->fd, chunk, sizeof chunk, (off_t)spool->scanned)) > 0) {
        if (growing && !spool->scanned && got < 3 && *chunk == '\xef') return 0; // it may be a part of a mark
        skip_mark(spool, chunk, (size_t)got);
        status = count_lines(spool, chunk, (size_t)got);
        spool->scanned += got;
    }
    return status || !got ? status : cannot_read(spool);
}

int spool_look(struct spool *spool, int64_t *lines, bool *growing) {
    // Asked before reading to the end: who writes closes last, so what is written before FILE.closed is then seen. The
    // other way round, lines written between the two looks would be lost.
    *growing = !file_exists(spool->closed);
    int status = scan(spool, *growing);
    // The last line may lack its end.
    if (!*growing && spool->scanned > spool->begun) add_line(spool, spool->scanned);
    *lines = spool->lines;
    return status;
}

static int was_cut(const struct spool *spool) {
    return error(EXIT_DATA, "%s: was cut while it was read", spool->path);
}

// Where line n begins: counted from the line that was read last, or from the mark before n.
// E.g. line 1500 after line 1499 begins where that ended; after any other it is found from mark 1, which is line
// 1024's, by counting 476 line ends.
static int find_start(struct spool *spool, int64_t n, int64_t *start) {
    char chunk[CHUNK];
    int64_t line = n / STRIDE * STRIDE;
    if (n < spool->first) return error(EXIT_DATA, "%s: line %" PRId64 " is not there any more", spool->path, n + 1);
    *start = spool->mark[n / STRIDE];
    if (spool->next_line <= n && spool->next_line > line) {
        line = spool->next_line;
        *start = spool->next_start;
    }
    while (line < n) {
        ssize_t got = pread(spool->fd, chunk, sizeof chunk, (off_t)*start);
        if (got < 0) return cannot_read(spool);
        if (got == 0) return was_cut(spool);
        const char *at = chunk, *end = chunk + got;
        while (line < n && (at = memchr(at, spool->end, (size_t)(end - at)))) {
            line++;
            at++;
        }
        *start += at ? at - chunk : got;
    }
    return 0;
}

// Reads on until the line ends; the buffer then begins with it. Returns its size with its end.
// A line is mostly shorter than the first piece read. What was read beyond it is kept in the buffer behind, unused: the
// next line is read anew, and the kernel has its bytes.
static int read_line(struct spool *spool, int64_t n, int64_t start, size_t *size) {
    char chunk[4 << 10];
    struct buffer *line = &spool->line;
    buffer_clear(line);
    for (;;) {
        ssize_t got = pread(spool->fd, chunk, sizeof chunk, (off_t)start + (off_t)line->size);
        if (got < 0) return cannot_read(spool);
        if (got == 0 && start + (int64_t)line->size < spool->scanned) return was_cut(spool);
        const char *end = memchr(chunk, spool->end, (size_t)got);
        *size = line->size + (size_t)(end ? end - chunk + 1 : got);
        buffer_append(line, chunk, (size_t)got);
        if (end || got == 0) break;
        if (line->size > SPOOL_LINE_LIMIT) break;
    }
    if (*size <= SPOOL_LINE_LIMIT) return 0;
    return error(EXIT_DATA, "%s: line %" PRId64 " has more than %d bytes", spool->path, n + 1, SPOOL_LINE_LIMIT);
}

// The line's end, and of text a CR before it, becomes its NUL; a last line without an end has one behind its last byte.
int spool_line(struct spool *spool, int64_t n, const char **line) {
    int64_t start;
    size_t size = 0;
    int status = find_start(spool, n, &start);
    if (!status) status = read_line(spool, n, start, &size);
    if (status) return status;
    spool->next_line = n + 1;
    spool->next_start = start + (int64_t)size;
    char *bytes = spool->line.bytes;
    if (size && bytes[size - 1] == (char)spool->end) size--;
    bytes[spool->end == SPOOL_TEXT ? lines_trim(bytes, size) : size] = 0;
    *line = bytes;
    return 0;
}

// Batches are ended early by fillers, so those that count stand in front.
int spool_filled(struct spool *spool, int64_t first, int count, int *filled) {
    const char *line;
    int status = 0;
    for (*filled = 0; *filled < count && !status; ++*filled) {
        status = spool_line(spool, first + *filled, &line);
        if (!status && !strcmp(line, SPOOL_FILLER)) break;
    }
    return status;
}
