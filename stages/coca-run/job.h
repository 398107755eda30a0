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

// What a job that may start again keeps from one start to the next (heal.c).
struct healing {
    const struct row *again; // NULL: it may not
    struct restarts restarts;
    int count;   // of them, in all
    bool due;    // the start under way was lost: another follows
    double wait; // seconds before it
};

struct job {
    struct supervisor *self;
    struct healing *healing;
    bool prepares; // its one process is the row `again`
    const struct row *row;
    int rows;
    struct process *process; // in the rows' order
    int count;
    struct restarts *restarts; // by row
    int fifo;                  // −1: the stages were told to leave
    enum outcome outcome;
    int code;                      // exit code
    const struct process *culprit; // of LOST and FAILED
    pid_t frozen;                  // the culprit, or one below it, stands still; 0: it left
    double lost_at;                // when the first sign of it was seen
    bool ending;                   // no stage and no sink is left
    bool at_once;                  // somebody asked twice: all were killed
    double cause_until;            // LOST waits for the cause; INFINITY: it is decided
    double leave_at, kill_at;      // when the stages are told to leave, and when all are killed; INFINITY: not yet
};

// Runs the job of these rows. Its exit code; every process that it started is gone.
int job_run(struct supervisor *self, const struct row *row, int rows);

// ---- Private to job.c, failures.c and heal.c

// Seconds: for the cause of a lost peer to be heard of; for processes to leave once the stages were told to; for
// workers to be sent away by their consumers, and for the last to notice.
#define CAUSE_PATIENCE 0.5
#define LEAVE_PATIENCE 20.0
#define WORKER_PATIENCE 3.0
#define LAST_PATIENCE 2.0
#define SAME_REQUEST 1.0 // signals closer than that are one request

bool job_needs(const struct process *process);      // a stage or a sink, or what prepares them
bool process_is_due(const struct process *process); // it runs, or is to be started again
void job_left(struct job *job, struct process *process, int code, double now);
void job_asked(struct job *job, int signal, double now);
void job_decide(struct job *job, double now);
void job_fail(struct job *job, const struct process *process, int code, double now);
void job_tell_to_leave(struct job *job, double now);
void job_end_sides(const struct job *job);
void job_kill(struct job *job); // all of it, at once; nobody is started any more

// Of a failure whose culprit is known: whether that was lost, which says nothing against another start.
bool job_lost_it(const struct job *job);
// Whether the job goes on after it, in which case healing->due and ->wait are set; keeps the incident.
bool job_heals(struct job *job, double now);
void job_begin_again(struct job *job); // then: kills all of it
// Looks for a needed process that stands still, or has one below it that does. If there is, it is the culprit, and
// true.
bool job_find_frozen(struct job *job);
