// What follows when a process of a job leaves, or when the end is asked for. job.c calls it with each event, and acts
// on the times that are set here.
//
// The first failure decides the exit code, but: who lost a peer (4) may be heard of before that peer, so its cause is
// waited for, CAUSE_PATIENCE long; and who left as asked is overtaken by a failure, unless that only says that a peer
// left.
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "job.h"
#include "report.h"

bool job_needs(const struct process *process) {
    return process->row->kind == ROW_STAGE || process->row->kind == ROW_SINK || process->row->kind == ROW_AGAIN;
}

bool process_is_due(const struct process *process) {
    return process->pid || isfinite(process->start_at);
}

// ---- the end

void job_tell_to_leave(struct job *job, double now) {
    job->leave_at = INFINITY;
    if (job->fifo < 0) return;
    close(job->fifo);
    job->fifo = -1;
    job->kill_at = fmin(job->kill_at, now + (job->ending ? LAST_PATIENCE : job->self->grace));
}

void job_end_sides(const struct job *job) {
    for (int i = 0; i < job->count; i++)
        if (job->process[i].row->kind == ROW_SIDE) process_signal(&job->process[i], SIGTERM);
}

void job_decide(struct job *job, double now) {
    job->cause_until = INFINITY;
    const bool goes_on = job_heals(job, now);
    job->self->named |= report_loss(job->culprit, job->code, job->frozen, goes_on, &job->self->around);
    if (job->code > 128 || job_lost_it(job)) job->code = EXIT_PEER;
    if (goes_on) return job_begin_again(job);
    if (job->frozen) process_signal(job->culprit, SIGKILL); // it cannot leave as it is told
    for (int i = 0; i < job->count; i++) job->process[i].start_at = INFINITY;
    job_tell_to_leave(job, now);
    job_end_sides(job);
}

// ---- failures

void job_fail(struct job *job, const struct process *process, int code, double now) {
    enum outcome outcome = code == EXIT_PEER ? OUTCOME_LOST : OUTCOME_FAILED;
    bool open = job->outcome < OUTCOME_LOST || isfinite(job->cause_until);
    if (!open || (job->outcome != OUTCOME_GOOD && outcome == OUTCOME_LOST)) return;
    job->outcome = outcome;
    job->code = code;
    job->culprit = process;
    job->lost_at = fmin(job->lost_at, now);
    if (outcome == OUTCOME_LOST && !job_find_frozen(job))
        job->cause_until = now + CAUSE_PATIENCE;
    else
        job_decide(job, now);
}

// The signal by which a process that left with `code` was asked to, or 0.
static int asked_by(int code) {
    switch (code - 128) {
    case SIGINT:
    case SIGTERM:
    case SIGHUP: return code - 128;
    case SIGUSR1: return SIGTERM;
    default: return 0;
    }
}

static bool is_conductor(const struct job *job, const struct process *process) {
    return job->self->conductor && !strcmp(process->row->name, job->self->conductor);
}

// ---- requests

static void pass_on(const struct job *job, int signal) {
    for (int i = 0; i < job->count; i++) {
        const struct process *process = &job->process[i];
        if (process->row->kind == ROW_SIDE) continue;
        if (!job->self->conductor || is_conductor(job, process)) process_signal(process, signal);
    }
    job_end_sides(job);
}

static void request(struct job *job, int signal, double now) {
    job->self->asked = signal;
    job->self->asked_at = now;
    pass_on(job, signal);
}

static void leave_as_asked(struct job *job, int signal) {
    if (job->outcome != OUTCOME_GOOD) return;
    job->outcome = OUTCOME_ASKED;
    job->code = 128 + signal;
}

void job_kill(struct job *job) {
    job->outcome = OUTCOME_FAILED;
    job->cause_until = INFINITY;
    job->at_once = true;
    for (int i = 0; i < job->count; i++) {
        job->process[i].start_at = INFINITY;
        process_signal(&job->process[i], SIGKILL);
    }
}

static void end_at_once(struct job *job, int signal) {
    job->code = 128 + signal;
    job_kill(job);
}

void job_asked(struct job *job, int signal, double now) {
    if (signal == SIGUSR1) signal = SIGTERM;
    if (!job->self->asked) {
        request(job, signal, now);
        if (job->prepares) end_at_once(job, signal);  // the newest checkpoint is all there is to keep
        if (job->ending) leave_as_asked(job, signal); // what goes on beside the job is cut short
    } else if (now - job->self->asked_at >= SAME_REQUEST) {
        end_at_once(job, signal);
    }
}

// The others end soon after it: the conductor, or who takes what a job without one makes.
static bool is_leader(const struct job *job, const struct process *process) {
    return job->self->conductor ? is_conductor(job, process) : process->row->kind == ROW_SINK;
}

// A process left because it was signalled. When it was signalled alone, all are asked to leave.
static void asked_at_process(struct job *job, const struct process *process, int signal, double now) {
    if (!job->self->asked) {
        note("%s was asked to leave by signal %d", process->name, signal);
        request(job, signal, now);
        job->leave_at = fmin(job->leave_at, now + job->self->grace);
    }
    if (job_needs(process)) leave_as_asked(job, signal);
    if (is_leader(job, process)) job->leave_at = fmin(job->leave_at, now + WORKER_PATIENCE);
}

// ---- who left

static bool start_again(struct job *job, struct process *process, int code, double now) {
    const struct row *row = process->row;
    if (job->fifo < 0 || job->ending || job->at_once || job->prepares || !row->restarts ||
        (code <= 128 && code != EXIT_PEER))
        return false;
    double wait = restarts_next(&job->restarts[row - job->row], row, now);
    if (wait < 0) {
        warn("%s: more than %d restarts in %d s", process->name, row->restarts, row->window);
        return false;
    }
    warn("%s was lost (exit %d) and is started again", process->name, code);
    process->start_at = now + wait;
    return true;
}

static void side_left(struct job *job, const struct process *process, int code) {
    if (job->self->asked || job->outcome != OUTCOME_GOOD) return; // it was told to
    job->self->named |= report_loss(process, code, false, true, &job->self->around);
}

// After the stages were told to leave, how they do does not matter any more.
static void left_as_told(struct job *job, const struct process *process) {
    if (job_needs(process) && job->self->asked) leave_as_asked(job, job->self->asked);
}

void job_left(struct job *job, struct process *process, int code, double now) {
    const bool is_side = process->row->kind == ROW_SIDE;
    const int asked = asked_by(code);
    process->pid = 0;
    if (!code) return;
    if (is_side) {
        if (!start_again(job, process, code, now)) side_left(job, process, code);
    } else if (job->fifo < 0 || job->ending) {
        left_as_told(job, process);
    } else if (asked && (job->self->asked || process->row->kind != ROW_WORKER)) {
        asked_at_process(job, process, asked, now);
    } else if (start_again(job, process, code, now)) {
        return;
    } else if (code == EXIT_PEER && job->self->asked && !is_conductor(job, process)) {
        leave_as_asked(job, job->self->asked); // a peer of it left as asked
    } else {
        job_fail(job, process, code, now);
    }
}
