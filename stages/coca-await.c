// coca-await: tells a script what appears in a folder, so that it need not look again and again. The manual page is
// below. pipelines/validate.sh waits for checkpoints with it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/text.h"

#include "stage/command.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Prints the name of each file or folder that is moved into FOLDER, a line each, as it comes: what appears\n"
    "whole is written aside and renamed. Ends when the job is over whose supervisor holds the FIFO open.\n"
    "\n"
    "Tells what happens on this host alone: a network file system does not say what others do.\n"
    "\n"
    "Exit codes: 0 the job is over, 1 run-time failure, 2 usage.\n"
    "\n"
    "Example:\n"
    "  coca-await runs/mine/checkpoints --until runs/mine/sockets/supervisor | while read -r step; do ls $step; done";

struct await {
    char *until;
};

#define FIELD(member) offsetof(struct await, member)
static const struct option rows[] = {
    TEXT("until", until, "FIFO", NULL, "sockets/supervisor of a job: the end is when nobody holds it open for writing",
         OPTION_LOCAL),
};

enum { EVENTS = 64 << 10 }; // bytes

static void print_name(const char *name) {
    struct buffer line = {0};
    text_escape(&line, name, strlen(name));
    puts(line.bytes);
    buffer_release(&line);
}

static int print_events(int folder) {
    _Alignas(struct inotify_event) char events[EVENTS];
    ssize_t size = read(folder, events, sizeof events);
    const struct inotify_event *event;
    if (size < 0) return errno == EINTR ? 0 : error(EXIT_RUN, "events cannot be read: %s", strerror(errno));
    for (const char *at = events; at < events + size; at += sizeof *event + event->len) {
        event = (const struct inotify_event *)at;
        print_name(event->len ? event->name : "."); // "." when there were more than the kernel keeps
    }
    return fflush(stdout) ? error(EXIT_RUN, "cannot write to stdout") : 0;
}

// 1: the job is over.
static int wait_for_events(int folder, int fifo) {
    struct pollfd polled[] = {{folder, POLLIN, 0}, {fifo, 0, 0}};
    if (poll(polled, 2, -1) < 0) return errno == EINTR ? 0 : error(EXIT_RUN, "poll: %s", strerror(errno));
    int status = polled[0].revents ? print_events(folder) : 0;
    return status ? status : polled[1].revents != 0;
}

// Who opens a FIFO when its last writer has left is told by poll of no end; to read from it says it. Nobody writes.
static bool is_over(int fifo) {
    char byte;
    return read(fifo, &byte, 1) == 0;
}

static int open_folder(const char *path, int *folder) {
    *folder = inotify_init1(IN_CLOEXEC);
    if (*folder < 0) return error(EXIT_RUN, "no events: %s; raise fs.inotify.max_user_instances", strerror(errno));
    if (inotify_add_watch(*folder, path, IN_MOVED_TO | IN_ONLYDIR) >= 0) return 0;
    return error(EXIT_USAGE, "%s: cannot be watched: %s", path, strerror(errno));
}

static int run(void *context, const struct strings *operands) {
    const struct await *await = context;
    if (operands->count != 1 || !await->until) return error(EXIT_USAGE, "give one FOLDER, and --until FIFO");
    int folder, status = open_folder(operands->item[0], &folder);
    int fifo = status ? -1 : open(await->until, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!status && fifo < 0 && errno != ENOENT) // removed: the job is over
        status = error(EXIT_USAGE, "--until %s: %s", await->until, strerror(errno));
    if (!status && fifo >= 0) status = is_over(fifo);
    while (!status && fifo >= 0) status = wait_for_events(folder, fifo);
    if (fifo >= 0) close(fifo);
    if (folder >= 0) close(folder);
    return status < 0 ? status : 0;
}

int main(int argc, char **argv) {
    struct await await = {.until = NULL};
    struct option_table own = OPTION_TABLE(rows, &await);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-await",
                              .summary = "tells what appears in a folder while a job runs",
                              .manual = manual,
                              .tables = tables,
                              .operands = "FOLDER",
                              .context = &await,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
