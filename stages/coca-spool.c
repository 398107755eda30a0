// coca-spool: what stdin lists becomes a list that workers read while it grows. The manual page is below. The list's
// own rules, batches and fillers, are dataset/spool_writer.c's; this file says what an entry of stdin is, and when a
// batch has waited long enough.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lines.h"
#include "base/text.h"
#include "dataset/spool.h"
#include "dataset/spool_writer.h"
#include "stage/command.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Writes the lines of stdin into LIST as they come, for --list LIST --null of coca-decode and coca-tokenize, and\n"
    "LIST.closed behind the last. In LIST each ends with a NUL byte. Workers take lines in batches of --batch: one\n"
    "that is not full --max-wait after its first line came is filled up with lines that stand for nothing, so nobody\n"
    "waits longer for the others.\n"
    "\n"
    "Lines of stdin end with LF or CR LF, and a byte order mark in front is no part of the first. With --null they\n"
    "end with NUL bytes (find -print0) and may hold anything else, line ends too. Without it, NUL bytes in what is\n"
    "read first mean the same; later they are an error.\n"
    "\n"
    "--resume FILE leaves out the lines that FILE, with one line \"LINE TAB ...\" for each, has already, LINE spelled\n"
    "as coca-score captions does (\\xNN); with --num-captions N lines for each. Fewer at its end are taken off.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage (FILE belongs to other lines), 3 a line is too long or holds a\n"
    "NUL byte.\n"
    "\n"
    "Example:\n"
    "  find photos -name '*.jpg' -print0 | coca-spool --null --batch 64 --max-wait 200 list";

// What ends an entry of stdin.
enum ends { ENDS_UNKNOWN, ENDS_LINE, ENDS_NUL };

struct spool {
    struct {
        int64_t batch;
        double max_wait; // milliseconds
        bool null;
        char *resume;
        int64_t num_captions;
    } own;
    struct spool_writer writer;
    enum ends ends;
    struct buffer begun; // what has come behind the last whole line
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
    FLAG("null", null, "lines of stdin end with NUL bytes", OPTION_LOCAL | OPTION_LETTER('0')),
    TEXT("resume", resume, "FILE", NULL, "leave out what it has: its lines begin with them, and a tab", OPTION_LOCAL),
    INT("num-captions", num_captions, "N", "1", 1, 64, "lines that FILE has for each", OPTION_LOCAL),
};

enum { CHUNK = 64 << 10 };

// As the line is written in front of a caption.
static bool is_written_as(const char *line, size_t size, const char *written, size_t written_size) {
    struct buffer spelled = {0};
    text_escape(&spelled, line, size);
    const bool same = spelled.size == written_size && !memcmp(spelled.bytes, written, written_size);
    buffer_release(&spelled);
    return same;
}

// FILE has no more. Its writer may have been stopped between two captions of a picture, which begin at `begin`: nothing
// is added to it before the picture's captions are made anew.
static int end_done(struct spool *self, off_t begin, int64_t begun) {
    fclose(self->resume);
    self->resume = NULL;
    if (!begun || !truncate(self->own.resume, begin)) return 0;
    return error(EXIT_RUN, "--resume %s: cannot be cut: %s", self->own.resume, strerror(errno));
}

static int check_done(const struct spool *self, int64_t number, size_t got, const char *line, size_t size) {
    const char *tab = memchr(self->done, '\t', got);
    const char *written = self->done + (number == 1 ? lines_mark(self->done, got) : 0);
    if (tab && is_written_as(line, size, written, (size_t)(tab - written))) return 0;
    return error(EXIT_USAGE,
                 "--resume %s: its line %" PRId64 " is not of %.*s: it belongs to another list, or to another "
                 "--num-captions than %" PRId64,
                 self->own.resume, number, (int)size, line, self->own.num_captions);
}

// 1: the line is done already. 0 or -exit_code.
static int is_done(struct spool *self, const char *line, size_t size) {
    if (!self->resume) return 0;
    const off_t begin = ftello(self->resume);
    int status = 0;
    for (int64_t i = 0; i < self->own.num_captions && !status; i++) {
        const ssize_t got = getline(&self->done, &self->done_capacity, self->resume);
        if (got <= 0) return end_done(self, begin, i);
        status = check_done(self, (self->lines - 1) * self->own.num_captions + i + 1, (size_t)got, line, size);
    }
    return status ? status : 1;
}

static int add_line(struct spool *self, const char *line, size_t size) {
    if (self->ends != ENDS_NUL) {
        const size_t mark = self->lines ? 0 : lines_mark(line, size);
        line += mark;
        size = lines_trim(line, size - mark);
    }
    self->lines++;
    if (self->ends != ENDS_NUL && memchr(line, 0, size))
        return error(EXIT_DATA, "line %" PRId64 " of stdin holds a NUL byte: say --null if all lines end with one",
                     self->lines);
    const char *refusal = spool_refuses(line, size);
    if (refusal) return error(EXIT_DATA, "line %" PRId64 " of stdin %s", self->lines, refusal);
    int status = is_done(self, line, size);
    if (status) return status < 0 ? status : 0;
    if (!spool_begun(&self->writer)) self->since = clock_seconds();
    spool_write(&self->writer, line, size);
    return 0;
}

// A list of lines has no NUL byte, while a path in a list of NUL-ended ones may hold a line end.
static enum ends find_ends(const struct spool *self) {
    if (self->own.null || memchr(self->begun.bytes, 0, self->begun.size)) return ENDS_NUL;
    return memchr(self->begun.bytes, '\n', self->begun.size) ? ENDS_LINE : ENDS_UNKNOWN;
}

static int add_bytes(struct spool *self, const char *bytes, size_t size) {
    struct buffer *begun = &self->begun;
    int status = 0;
    buffer_append(begun, bytes, size);
    if (self->ends == ENDS_UNKNOWN) self->ends = find_ends(self);
    const char *at = begun->bytes, *last = at + begun->size, *end;
    while (!status && (end = memchr(at, self->ends == ENDS_NUL ? 0 : '\n', (size_t)(last - at)))) {
        status = add_line(self, at, (size_t)(end - at));
        at = end + 1;
    }
    begun->size = (size_t)(last - at);
    memmove(begun->bytes, at, begun->size);
    if (!status && begun->size > SPOOL_LINE_LIMIT + 4) status = add_line(self, begun->bytes, begun->size);
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

// The last line may lack its end; a byte order mark alone is none.
static bool has_last_line(const struct spool *self) {
    const bool is_first_text = !self->lines && self->ends != ENDS_NUL;
    return self->begun.size > (is_first_text ? lines_mark(self->begun.bytes, self->begun.size) : 0);
}

static int spool(struct spool *self) {
    int status;
    do {
        status = read_some(self);
        if (!status) status = cut_when_due(self);
    } while (!status);
    if (status < 0) return status;
    return has_last_line(self) ? add_line(self, self->begun.bytes, self->begun.size) : 0;
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
