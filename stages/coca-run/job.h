// One job: its processes from the first start to the last exit.
#pragma once

#include "process.h"
#include "restarts.h"

// What coca-run knows beside the table; lives for all its jobs.
struct supervisor {
    struct surroundings around;
    const char *conductor; // name of the row to which requests are passed; NULL: to all
    bool scratch;          // the directory is removed in the end, unless a log was named
    bool times;            // print report_times at the end
    double grace;          // seconds for processes to leave once the stages were told to
    int signals, guard;    // descriptors: a signalfd that does not block, and one at its end when the guard is gone
    int asked;             // by which signal the end was asked for, 0: it was not; SIGUSR1 counts as SIGTERM
    double asked_at;
    bool named; // a log was named, which the caller will want to read
};
void supervisor_clean(const struct supervisor *self); // removes the sockets, and the directory as above

// What the job comes to; a later one takes an earlier one's place where failures.c says so.
enum outcome {
    OUTCOME_GOOD,
    OUTCOME_ASKED,  // a process left as asked, with 128 + signal
    OUTCOME_LOST,   // a process left with 4: it lost another, which may say why
    OUTCOME_FAILED, // decided
};

struct job {
    struct supervisor *self;
    const struct row *row;
    int rows;
    struct process *process; // in the rows' order
    int count;
    struct restarts *restarts; // by row
    int fifo;                  // −1: the stages were told to leave
    enum outcome outcome;
    int code;                      // exit code
    const struct process *culprit; // of LOST and FAILED
    bool ending;                   // no stage and no sink is left
    bool at_once;                  // somebody asked twice: all were killed
    double cause_until;            // LOST waits for the cause; INFINITY: it is decided
    double leave_at, kill_at;      // when the stages are told to leave, and when all are killed; INFINITY: not yet
};

// Runs the job of these rows. Its exit code; every process that it started is gone.
int job_run(struct supervisor *self, const struct row *row, int rows);

// ---- Private to job.c and failures.c

// Seconds: for the cause of a lost peer to be heard of; for processes to leave once the stages were told to; for
// workers to be sent away by their consumers, and for the last to notice.
#define CAUSE_PATIENCE 0.5
#define LEAVE_PATIENCE 20.0
#define WORKER_PATIENCE 3.0
#define LAST_PATIENCE 2.0
#define SAME_REQUEST 1.0 // signals closer than that are one request

bool job_needs(const struct process *process);      // a stage or a sink
bool process_is_due(const struct process *process); // it runs, or is to be started again
void job_left(struct job *job, struct process *process, int code, double now);
void job_asked(struct job *job, int signal, double now);
void job_decide(struct job *job, double now);
void job_fail(struct job *job, const struct process *process, int code, double now);
void job_tell_to_leave(struct job *job, double now);
void job_end_sides(const struct job *job);
