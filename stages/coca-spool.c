// coca-spool: the lines of stdin become a list that workers read while it grows. The manual page is below. The list's
// own rules, batches and fillers, are dataset/spool_writer.c's; this file says when a batch has waited long enough.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "dataset/spool.h"
#include "dataset/spool_writer.h"
#include "stage/command.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Writes the lines of stdin into LIST as they come, for the --list of coca-decode and coca-tokenize, and\n"
    "LIST.closed behind the last. Workers take lines in batches of --batch: one that is not full --max-wait after\n"
    "its first line came is filled up with lines that stand for nothing (a form feed), so nobody waits longer for\n"
    "the others.\n"
    "\n"
    "--resume FILE leaves out the lines that FILE, with one line \"LINE TAB ...\" for each, has already.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage (FILE belongs to other lines), 3 a line is too long.\n"
    "\n"
    "Example:\n"
    "  find photos -name '*.jpg' | coca-spool --batch 64 --max-wait 200 list";

struct spool {
    struct {
        int64_t batch;
        double max_wait; // milliseconds
        char *resume;
    } own;
    struct spool_writer writer;
    struct buffer begun; // a line that has not ended
    FILE *resume;        // until all of it was compared
    char *done;          // one line of it
    size_t done_capacity;
    int64_t lines;
    double since; // when the batch was begun
};

#define FIELD(member) offsetof(__typeof__(((struct spool *)0)->own), member)
static const struct option rows[] = {
    INT("batch", batch, "LINES", "64", 1, 1 << 20, "that workers take together: their --microbatch", OPTION_LOCAL),
    REAL("max-wait", max_wait, "MILLISECONDS", "1e9", 0, INFINITY, "for a batch to fill, from its first line on",
         OPTION_LOCAL),
    TEXT("resume", resume, "FILE", NULL, "leave out what it has: its lines begin with them, and a tab", OPTION_LOCAL),
};

enum { CHUNK = 64 << 10 };

// As the line is written in front of a caption.
static bool is_written_as(const char *line, size_t size, const char *written, size_t written_size) {
    struct buffer clean = {0};
    text_clean(&clean, line, size);
    const bool same = clean.size == written_size && (!clean.size || !memcmp(clean.bytes, written, written_size));
    buffer_release(&clean);
    return same;
}

// 1: the line is done already. 0 or -exit_code.
static int is_done(struct spool *self, const char *line, size_t size) {
    if (!self->resume) return 0;
    ssize_t got = getline(&self->done, &self->done_capacity, self->resume);
    const char *tab = got > 0 ? memchr(self->done, '\t', (size_t)got) : NULL;
    if (got <= 0) {
        fclose(self->resume);
        self->resume = NULL;
        return 0;
    }
    if (tab && is_written_as(line, size, self->done, (size_t)(tab - self->done))) return 1;
    return error(EXIT_USAGE, "--resume %s: its line %" PRId64 " is not of %.*s: it belongs to another list",
                 self->own.resume, self->lines, (int)size, line);
}

static int add_line(struct spool *self, const char *line, size_t size) {
    self->lines++;
    if (size >= SPOOL_LINE_LIMIT)
        return error(EXIT_DATA, "line %" PRId64 " of stdin has more than %d bytes", self->lines, SPOOL_LINE_LIMIT);
    int status = is_done(self, line, size);
    if (status) return status < 0 ? status : 0;
    if (!spool_begun(&self->writer)) self->since = clock_seconds();
    spool_write(&self->writer, line, size);
    return 0;
}

static int add_bytes(struct spool *self, const char *bytes, size_t size) {
    const char *end;
    int status = 0;
    for (; !status && (end = memchr(bytes, '\n', size)); size -= (size_t)(end + 1 - bytes), bytes = end + 1) {
        buffer_append(&self->begun, bytes, (size_t)(end - bytes));
        status = add_line(self, self->begun.bytes ? self->begun.bytes : "", self->begun.size);
        buffer_clear(&self->begun);
    }
    buffer_append(&self->begun, bytes, size);
    if (!status && self->begun.size >= SPOOL_LINE_LIMIT) status = add_line(self, self->begun.bytes, self->begun.size);
    return status ? status : spool_flush(&self->writer);
}

// Milliseconds until the batch must be cut; −1: it need not.
static int patience(const struct spool *self) {
    if (!spool_begun(&self->writer)) return -1;
    double left = self->own.max_wait - 1000 * (clock_seconds() - self->since);
    return left > 0 ? (int)fmin(ceil(left), 1e6) : 0;
}

static int cut_when_due(struct spool *self) {
    if (patience(self)) return 0;
    spool_cut(&self->writer);
    return spool_flush(&self->writer);
}

// 1: stdin ended.
static int read_some(struct spool *self) {
    char chunk[CHUNK];
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    int ready = poll(&input, 1, patience(self));
    if (ready < 0) return errno == EINTR ? 0 : error(EXIT_RUN, "stdin: %s", strerror(errno));
    if (ready == 0) return 0;
    ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
    if (got < 0) return errno == EINTR ? 0 : error(EXIT_RUN, "stdin cannot be read: %s", strerror(errno));
    return got ? add_bytes(self, chunk, (size_t)got) : 1;
}

static int spool(struct spool *self) {
    int status;
    do {
        status = read_some(self);
        if (!status) status = cut_when_due(self);
    } while (!status);
    if (status < 0) return status;
    return self->begun.size ? add_line(self, self->begun.bytes, self->begun.size) : 0;
}

static int run(void *context, const struct strings *operands) {
    struct spool *self = context;
    if (operands->count != 1) return error(EXIT_USAGE, "give one LIST to write");
    if (self->own.resume && !(self->resume = fopen(self->own.resume, "re")) && errno != ENOENT)
        return error(EXIT_DATA, "--resume %s: cannot be read: %s", self->own.resume, strerror(errno));
    int status = spool_writer_open(&self->writer, operands->item[0], (int)self->own.batch);
    if (!status) status = spool(self);
    if (status)
        spool_writer_abandon(&self->writer);
    else
        status = spool_writer_close(&self->writer);
    if (self->resume) fclose(self->resume);
    buffer_release(&self->begun);
    free(self->done);
    return status;
}

int main(int argc, char **argv) {
    struct spool self = {.lines = 0};
    struct option_table own = OPTION_TABLE(rows, &self.own);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-spool",
                              .summary = "the lines of stdin into a list that workers read while it grows",
                              .manual = manual,
                              .tables = tables,
                              .operands = "LIST",
                              .context = &self,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
