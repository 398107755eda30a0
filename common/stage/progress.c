// Long work shows that it goes on: training, evaluations, packing. On a terminal the line is drawn again and again; in
// a log that is a new line each, so there it comes seldom. Rate and time left count this process's own work alone.
#include "stage/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

enum { BAR_WIDTH = 24, TERMINAL_WIDTH = 80 };
#define TERMINAL_SECONDS 0.1 // between two drawings
#define LOG_SECONDS 5.0

struct progress {
    char *what, *unit;
    int64_t total;
    bool terminal, begun;
    int64_t first, done; // first: what was done already when this process began
    double started, shown;
};

struct progress *progress_new(const char *what, int64_t total, const char *unit) {
    struct progress *progress = xcalloc(1, sizeof *progress);
    progress->what = xstrdup(what);
    progress->unit = xstrdup(unit);
    progress->total = total;
    progress->terminal = isatty(STDERR_FILENO);
    progress->started = progress->shown = clock_seconds();
    return progress;
}

static void add_bar(struct buffer *line, const struct progress *progress) {
    char bar[BAR_WIDTH + 1];
    int64_t done = progress->done < progress->total ? progress->done : progress->total;
    int filled = (int)((double)done / (double)progress->total * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '=' : ' ';
    bar[BAR_WIDTH] = 0;
    buffer_format(line, " [%s]", bar);
}

void progress_add_duration(struct buffer *line, double seconds) {
    int64_t whole = (int64_t)(seconds + 0.5);
    if (whole >= 3600) buffer_format(line, "%" PRId64 ":", whole / 3600);
    buffer_format(line, whole >= 3600 ? "%02d:%02d" : "%d:%02d", (int)(whole / 60 % 60), (int)(whole % 60));
}

static void add_rate(struct buffer *line, const struct progress *progress, double now) {
    double rate = (double)(progress->done - progress->first) / (now - progress->started + 1e-9);
    if (rate <= 0) return;
    buffer_format(line, ", %.*f/s", rate < 10 ? 2 : 0, rate);
    if (progress->total <= progress->done) return;
    buffer_text(line, ", ");
    progress_add_duration(line, (double)(progress->total - progress->done) / rate);
    buffer_text(line, " left");
}

static void compose(struct buffer *line, const struct progress *progress, const char *detail, double now) {
    buffer_text(line, progress->what);
    if (progress->terminal && progress->total > 0) add_bar(line, progress);
    buffer_format(line, " %" PRId64, progress->done);
    if (progress->total > 0) buffer_format(line, "/%" PRId64, progress->total);
    buffer_format(line, " %s", progress->unit);
    add_rate(line, progress, now);
    if (detail) buffer_format(line, ", %s", detail);
}

int progress_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : TERMINAL_WIDTH;
}

static void show(struct progress *progress, const char *detail, double now) {
    struct buffer line = {0};
    compose(&line, progress, detail, now);
    line.bytes[text_clean_here(line.bytes, line.size)] = 0;
    if (progress->terminal) // \033[K clears what a longer line left behind
        fprintf(stderr, "\r%.*s\033[K", progress_width() - 1, line.bytes);
    else
        fprintf(stderr, "%s\n", line.bytes);
    buffer_release(&line);
    progress->shown = now;
}

void progress_set(struct progress *progress, int64_t done, const char *detail) {
    double now = clock_seconds();
    if (!progress->begun && done > 1) progress->first = done - 1; // resumed: the rate is of this process alone
    progress->begun = true;
    progress->done = done;
    if (now - progress->shown >= (progress->terminal ? TERMINAL_SECONDS : LOG_SECONDS)) show(progress, detail, now);
}

void progress_done(struct progress **progress) {
    double now = clock_seconds();
    struct buffer took = {0};
    buffer_text(&took, "took ");
    progress_add_duration(&took, now - (*progress)->started);
    show(*progress, took.bytes, now);
    if ((*progress)->terminal) fputs("\n", stderr);
    buffer_release(&took);
    free((*progress)->what);
    free((*progress)->unit);
    free(*progress);
    *progress = NULL;
}
