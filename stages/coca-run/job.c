// The life of a job: starts its processes, waits for signals, exits and the times that failures.c sets, and sees that
// nobody is left. One thread, one poll; nothing is looked at twice.
#include "job.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "folder.h"
#include "guard.h"
#include "report.h"

void supervisor_clean(const struct supervisor *self) {
    folder_clear_sockets(self->around.directory);
    if (self->scratch && !self->named) directory_remove(self->around.directory);
}

// ---- its processes

static void add_processes(struct job *job, const struct row *row) {
    if (row->kind == ROW_AGAIN && !job->prepares) return;
    for (int i = 0; i < row->count; i++) {
        struct process *process = &job->process[job->count++];
        char *name = row->kind == ROW_WORKER ? xformat("%s.%d", row->name, i) : xstrdup(row->name);
        *process = (struct process){.row = row, .name = name, .number = i, .start_at = INFINITY};
        report_begin(process, &job->self->around);
    }
}

static int open_job(struct job *job) {
    int count = 0;
    for (int i = 0; i < job->rows; i++) count += job->row[i].count;
    job->process = xcalloc((size_t)count, sizeof *job->process);
    job->restarts = xcalloc((size_t)job->rows, sizeof *job->restarts);
    for (int i = 0; i < job->rows; i++) add_processes(job, &job->row[i]);
    return folder_open(job->self->around.directory, &job->fifo);
}

static void close_job(struct job *job) {
    for (int i = 0; i < job->count; i++) free(job->process[i].name);
    for (int i = 0; i < job->rows; i++) free(job->restarts[i].at);
    free(job->process);
    free(job->restarts);
    if (job->fifo >= 0) close(job->fifo);
}

static void start(struct job *job, struct process *process, double now) {
    if (job->outcome == OUTCOME_FAILED) return;
    int status = process_start(process, &job->self->around);
    if (status) job_fail(job, process, -status, now);
}

static void start_all(struct job *job) {
    const double now = clock_seconds();
    for (int i = 0; i < job->count; i++)
        if (job->prepares)
            job->process[i].start_at = now + job->healing->wait;
        else
            start(job, &job->process[i], now);
}

// ---- waiting

// Milliseconds until something is due, −1 when nothing is.
static int patience(const struct job *job, double now) {
    double next = fmin(job->cause_until, fmin(job->leave_at, job->kill_at));
    for (int i = 0; i < job->count; i++) next = fmin(next, job->process[i].start_at);
    return isfinite(next) ? (int)fmin(fmax(ceil(1000 * (next - now)), 0), 1e6) : -1;
}

// Its number, 0 when there is none.
static int next_signal(const struct supervisor *self) {
    struct signalfd_siginfo info;
    return read(self->signals, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

static void reap(struct job *job, double now) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        for (int i = 0; i < job->count; i++)
            if (job->process[i].pid == pid) job_left(job, &job->process[i], code, now);
    }
}

// Who killed the guard meant the job.
static _Noreturn void follow_guard(const struct supervisor *self) {
    descendants_end();
    supervisor_clean(self);
    _exit(EXIT_PEER);
}

static void wait_for_event(struct job *job) {
    struct supervisor *self = job->self;
    struct pollfd polled[] = {{self->signals, POLLIN, 0}, {self->guard, POLLIN, 0}};
    int number;
    poll(polled, 2, patience(job, clock_seconds()));
    if (polled[1].revents) follow_guard(self);
    while ((number = next_signal(self)))
        if (number != SIGCHLD) job_asked(job, number, clock_seconds());
    reap(job, clock_seconds());
}

// ---- what is due

static bool any(const struct job *job, bool (*is)(const struct process *process)) {
    for (int i = 0; i < job->count; i++)
        if (is(&job->process[i])) return true;
    return false;
}

static bool is_needed(const struct process *process) {
    return job_needs(process) && process_is_due(process);
}

static bool is_inside(const struct process *process) {
    return process->row->kind != ROW_SIDE && process_is_due(process);
}

static void start_due(struct job *job, double now) {
    for (int i = 0; i < job->count; i++)
        if (now >= job->process[i].start_at) start(job, &job->process[i], now);
}

// Feeders wait for what does not matter any more; workers leave when their consumers have said so.
static void begin_end(struct job *job, double now) {
    job->ending = true;
    job->leave_at = fmin(job->leave_at, now + WORKER_PATIENCE);
    if (job->fifo < 0) job->kill_at = fmin(job->kill_at, now + WORKER_PATIENCE);
    for (int i = 0; i < job->count; i++) {
        job->process[i].start_at = INFINITY;
        if (job->process[i].row->kind == ROW_FEEDER) process_signal(&job->process[i], SIGTERM);
    }
}

// A side process may finish what it does when all went well: it is told by the FIFO, too.
static bool may_stay(const struct job *job, const struct process *process) {
    return process->row->kind == ROW_SIDE && job->outcome == OUTCOME_GOOD && !job->self->asked;
}

static void kill_all(struct job *job) {
    job->kill_at = INFINITY;
    for (int i = 0; i < job->count; i++)
        if (!may_stay(job, &job->process[i])) process_signal(&job->process[i], SIGKILL);
}

// Whether a process other than those beside the job is to be waited for.
static bool act(struct job *job) {
    double now = clock_seconds();
    if (isfinite(job->cause_until) && (now >= job->cause_until || !any(job, is_inside))) job_decide(job, now);
    start_due(job, now);
    if (!job->ending && !isfinite(job->cause_until) && !any(job, is_needed)) begin_end(job, now);
    const bool inside = any(job, is_inside);
    if (now >= job->leave_at || (job->ending && !inside)) job_tell_to_leave(job, now);
    if (now >= job->kill_at) kill_all(job);
    return inside;
}

// ---- all of it

// Processes whose parents are gone, of a side process mostly: they are asked first, unless the user asks again
// meanwhile.
static void ask_orphans(const struct supervisor *self) {
    double until = clock_seconds() + LAST_PATIENCE, left;
    struct pollfd polled = {self->signals, POLLIN, 0};
    int number = 0;
    pid_t pid;
    descendants_signal(SIGTERM);
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && (left = until - clock_seconds()) > 0) {
        if (pid) continue;
        poll(&polled, 1, (int)ceil(1000 * left));
        while ((number = next_signal(self)) == SIGCHLD) continue;
        if (number) break;
    }
}

// From the first start of its processes to the last exit.
static int run_once(struct supervisor *self, const struct row *row, int rows, struct healing *healing) {
    struct job job = {.self = self,
                      .healing = healing,
                      .prepares = row == healing->again,
                      .row = row,
                      .rows = rows,
                      .cause_until = INFINITY,
                      .lost_at = INFINITY,
                      .leave_at = INFINITY,
                      .kill_at = INFINITY};
    int status = open_job(&job);
    healing->due = false;
    if (!status) start_all(&job);
    while (act(&job)) wait_for_event(&job);
    if (self->times && !status && !healing->due && !job.prepares) report_times(job.process, job.count, &self->around);
    while (any(&job, process_is_due)) {
        wait_for_event(&job);
        act(&job);
    }
    if (!job.at_once) ask_orphans(self);
    descendants_end();
    close_job(&job);
    return status ? -status : job.code;
}

static const struct row *find_again(const struct row *row, int rows) {
    for (int i = 0; i < rows; i++)
        if (row[i].kind == ROW_AGAIN) return &row[i];
    return NULL;
}

// What prepares another start is a job of its own, which may be lost, too.
int job_run(struct supervisor *self, const struct row *row, int rows) {
    struct healing healing = {.again = find_again(row, rows)};
    int code = run_once(self, row, rows, &healing);
    while (healing.due && !self->asked) {
        code = run_once(self, healing.again, 1, &healing);
        if (!code && !self->asked) code = run_once(self, row, rows, &healing);
    }
    free(healing.restarts.at);
    return healing.due ? 128 + self->asked : code;
}
