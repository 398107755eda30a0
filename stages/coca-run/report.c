// Words of coca-run on stderr: job.c says when, here stands how. Reads what stages left behind, logs and counters;
// decides nothing.
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/lines.h"
#include "base/text.h"

enum { LAST_LINES = 10, LAST_BYTES = 16 << 10 };

// ---- last words

void report_begin(struct process *process, const struct surroundings *around) {
    struct stat info;
    char *path = process_file(process, around, "log", "log");
    process->log_begin = stat(path, &info) ? 0 : info.st_size;
    free(path);
}

// The last lines behind `begin`, at most, into `text`, which has LAST_BYTES; their size.
static size_t read_end(int log, int64_t begin, char *text) {
    struct stat info;
    if (fstat(log, &info)) return 0;
    if (info.st_size - begin > LAST_BYTES) begin = info.st_size - LAST_BYTES;
    ssize_t size = pread(log, text, LAST_BYTES, begin);
    return size > 0 ? (size_t)size : 0;
}

static const char *last_lines(const char *text, size_t size) {
    const char *at = text + size;
    for (int lines = 0; at > text; at--)
        if (at[-1] == '\n' && at < text + size && ++lines == LAST_LINES) break;
    return at;
}

// What a stage said is clean, but a log has the words of libraries and of other programs too.
static void print_lines(const char *text, size_t size) {
    struct lines lines;
    struct buffer clean = {0};
    const char *line;
    size_t length;
    for (lines_begin(&lines, text, size); lines_next(&lines, &line, &length); buffer_clear(&clean)) {
        text_clean(&clean, line, length);
        fprintf(stderr, "%s\n", clean.bytes);
    }
    buffer_release(&clean);
}

// False when it said nothing.
static bool print_end(const char *path, int64_t begin) {
    char text[LAST_BYTES];
    int log = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = log < 0 ? 0 : read_end(log, begin, text);
    const char *lines = last_lines(text, size);
    print_lines(lines, (size_t)(text + size - lines));
    if (log >= 0) close(log);
    return size > 0;
}

// A shell and its like hand a signal on as 128 + its number; what ssh has for a lost host, 255, is beyond all signals.
static bool is_signal(int code) {
    return code > 128 && code <= 128 + 64;
}

char *report_how(int code, bool frozen) {
    if (frozen) return xstrdup("frozen");
    return is_signal(code) ? xformat("signal %d", code - 128) : xformat("exit %d", code);
}

static char *in_words(int code, bool frozen) {
    if (frozen) return xstrdup("stands still, stopped by a signal");
    return is_signal(code) ? xformat("was ended by signal %d", code - 128) : xformat("left with %d", code);
}

bool report_loss(const struct process *process, int code, bool frozen, bool goes_on,
                 const struct surroundings *around) {
    char *path = process_file(process, around, "log", "log"), *how = in_words(code, frozen);
    bool named = row_has_log(process->row) && print_end(path, process->log_begin);
    const char *where = named ? "; its words are in " : "", *log = named ? path : "";
    const char *beside = process->row->kind == ROW_SIDE ? ", beside the job," : "";
    if (goes_on || process->row->kind == ROW_SIDE)
        warn("%s%s %s%s%s", process->name, beside, how, where, log);
    else
        error(EXIT_RUN, "%s %s%s%s", process->name, how, where, log);
    free(how);
    free(path);
    return named;
}

// ---- times

// The columns of a stage's counters that the table shows.
struct times {
    int rank;
    double seconds, busy, waiting, blocked, peak, announced, exchanging;
};

// The ranks of one process, when a launcher started several.
struct times_list {
    struct times *of;
    int count;
};

static bool read_line(const char *line, struct times *t) {
    return sscanf(line, "%*s %d %lf %lf %lf %lf %*s %*s %*s %*s %lf %lf %*s %*s %lf", &t->rank, &t->seconds, &t->busy,
                  &t->waiting, &t->blocked, &t->peak, &t->announced, &t->exchanging) == 8;
}

// A process that was started again appends a line each time: the last one of a rank counts.
static void put(struct times_list *list, const struct times *times) {
    int i = 0;
    while (i < list->count && list->of[i].rank < times->rank) i++;
    if (i == list->count || list->of[i].rank != times->rank) {
        list->of = xrealloc_array(list->of, (size_t)list->count + 1, sizeof *list->of);
        memmove(list->of + i + 1, list->of + i, (size_t)(list->count++ - i) * sizeof *list->of);
    }
    list->of[i] = *times;
}

static void read_times(const char *path, struct times_list *list) {
    char *line = NULL;
    size_t capacity = 0;
    struct times times;
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &capacity, file) > 0)
        if (read_line(line, &times)) put(list, &times);
    free(line);
    if (file) fclose(file);
}

static void print_times(const char *name, const struct times_list *list) {
    for (int i = 0; i < list->count; i++) {
        const struct times *t = &list->of[i];
        char *who = list->count > 1 ? xformat("%s %d", name, t->rank) : xstrdup(name);
        fprintf(stderr, "%-16s %9.1f %7.1f%% %7.1f%% %7.1f%% %9.1f%% %10.1f %10.1f\n", who, t->seconds, 100 * t->busy,
                100 * t->waiting, 100 * t->blocked, 100 * t->exchanging, t->peak / (1 << 20), t->announced / (1 << 20));
        free(who);
    }
}

void report_times(const struct process *process, int count, const struct surroundings *around) {
    fprintf(stderr, "%-16s %9s %8s %8s %8s %10s %10s %10s\n", "process", "seconds", "busy", "waiting", "blocked",
            "exchanging", "peak MiB", "expected");
    for (int i = 0; i < count; i++) {
        char *path = process_file(&process[i], around, "log", "counters");
        struct times_list list = {0};
        read_times(path, &list);
        print_times(process[i].name, &list);
        free(list.of);
        free(path);
    }
}
