// The output of a command. It runs in a process group of its own, so that closing the stream early ends all of it, a
// pipeline's parts too, and its end is only the object's end when it exits with 0.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "remote/source.h"

extern char **environ;

struct pipe_source {
    struct source base;
    int fd;
    pid_t child; // 0: it was waited for
};

static const char *command_of(const struct source *source) {
    return source->known->url + strlen("pipe:");
}

// Signals as a shell expects them, whatever this process ignores and blocks.
static int start(const char *command, int output, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    const char *const arguments[] = {"sh", "-c", command, NULL};
    const int failed = posix_spawn(child, "/bin/sh", &actions, &attributes, (char **)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

// Waits for bytes in parts, between which it may be stopped.
static int await(struct pipe_source *self, struct failure *failure) {
    struct pollfd poll_for = {.fd = self->fd, .events = POLLIN};
    while (!remote_is_stopped(self->base.options)) {
        const int ready = poll(&poll_for, 1, 50);
        if (ready > 0) return 0;
        if (ready < 0 && errno != EINTR) bug("poll: %s", strerror(errno));
    }
    return failure_stopped(failure, self->base.known->url);
}

static ssize_t pipe_next(struct source *source, void *bytes, size_t size, struct failure *failure) {
    struct pipe_source *self = (struct pipe_source *)source;
    const int status = await(self, failure);
    if (status) return status;
    ssize_t got;
    while ((got = read(self->fd, bytes, size)) < 0)
        if (errno != EINTR)
            return failure_set(failure, EXIT_RUN, "%s: cannot be read: %s", source->known->url, strerror(errno));
    return got;
}

static pid_t reap(struct pipe_source *self, int *status, int flags) {
    pid_t ended;
    while ((ended = waitpid(self->child, status, flags)) < 0 && errno == EINTR) continue;
    if (ended) self->child = 0;
    return ended;
}

// A command may close its output and go on.
static int pipe_end(struct source *source, char **tag, struct failure *failure) {
    struct pipe_source *self = (struct pipe_source *)source;
    int status = 0;
    *tag = NULL;
    while (!reap(self, &status, WNOHANG)) {
        if (remote_is_stopped(source->options)) return failure_stopped(failure, source->known->url);
        remote_pause(source->options, 0.002);
    }
    if (WIFSIGNALED(status))
        return failure_set(failure, EXIT_DATA, "pipe: the command was ended by signal %d (%s): %s", WTERMSIG(status),
                           strsignal(WTERMSIG(status)), command_of(source));
    if (WEXITSTATUS(status))
        return failure_set(failure, EXIT_DATA, "pipe: the command failed with exit status %d: %s; try it in a shell",
                           WEXITSTATUS(status), command_of(source));
    return 0;
}

static void pipe_close(struct source *source) {
    struct pipe_source *self = (struct pipe_source *)source;
    int status;
    close(self->fd);
    if (self->child) {
        kill(-self->child, SIGKILL);
        reap(self, &status, 0);
    }
    free(self);
}

int source_open_pipe(struct source **source, const struct object *known, struct failure *failure) {
    const char *command = known->url + strlen("pipe:");
    int ends[2];
    pid_t child;
    if (pipe2(ends, O_CLOEXEC)) return failure_set(failure, EXIT_RUN, "%s: no pipe: %s", known->url, strerror(errno));
    const int failed = start(command, ends[1], &child);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return failure_set(failure, EXIT_RUN, "%s: cannot be started: %s", known->url, strerror(failed));
    }
    struct pipe_source *self = xcalloc(1, sizeof *self);
    *self = (struct pipe_source){
        .base = {.read = pipe_next, .end = pipe_end, .close = pipe_close}, .fd = ends[0], .child = child};
    *source = &self->base;
    return 0;
}
