// Whether a job goes on after it lost a process that it needs, and how: everything that is left of it is killed, at
// once, since it goes back to a checkpoint anyway; then, after the back-off, the row `again` prepares the next start,
// and all rows are started as at first. failures.c asks when a failure is decided, job.c does it.
//
// Lost is who was ended by a signal, left with 4 for a lost peer, or whose launcher (mpirun, srun, ssh) left with a
// code that no stage has: Open MPI hands on 128 + signal of a killed rank, MPICH the signal's bare number, ssh gives
// 255 when the host is gone. The codes 1, 2 and 3 say what is wrong, and would come again.
//
// Who stands still says nothing: its peers leave, since its heartbeats are missing, and it is looked for then.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "job.h"
#include "report.h"
#include "run/incidents.h"

// ---- who stands still

// Of /proc/PID/stat: it stands behind the name, in brackets, which may hold brackets. 0: there is no such process.
static char state_of(pid_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[size] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] ? name_end[2] : 0;
}

// It, or one that it started, and so on; 0: none. They are looked for among the children of main threads.
static pid_t find_stopped(pid_t pid) {
    char path[64];
    int child;
    pid_t found = state_of(pid) == 'T' ? pid : 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = found ? NULL : fopen(path, "re");
    while (children && !found && fscanf(children, "%d", &child) == 1) found = find_stopped(child);
    if (children) fclose(children);
    return found;
}

bool job_find_frozen(struct job *job) {
    for (int i = 0; i < job->count && !job->frozen; i++) {
        const struct process *process = &job->process[i];
        job->frozen = job_needs(process) && process->pid ? find_stopped(process->pid) : 0;
        if (job->frozen) job->culprit = process;
    }
    return job->frozen;
}

// ---- whether it goes on

static bool is_verdict(int code) {
    return code == EXIT_RUN || code == EXIT_USAGE || code == EXIT_DATA;
}

bool job_lost_it(const struct job *job) {
    return job->healing->again && job_needs(job->culprit) && !is_verdict(job->code);
}

static double next_wait(struct healing *healing, double now) {
    const struct row *again = healing->again;
    double wait = restarts_next(&healing->restarts, again, now);
    if (wait < 0 && again->restarts) warn("more than %d starts of the job in %d s", again->restarts, again->window);
    return wait;
}

static void keep_incident(const struct job *job, bool goes_on, double now) {
    char *how = report_how(job->code, job->frozen);
    const struct incident incident = {.lost = job->culprit->name,
                                      .how = how,
                                      .pid = job->frozen ? job->frozen : job->culprit->last_pid,
                                      .ago = now - job->lost_at,
                                      .restarts = goes_on ? job->healing->count : 0};
    incident_add(job->self->around.directory, &incident);
    free(how);
}

bool job_heals(struct job *job, double now) {
    struct healing *healing = job->healing;
    if (!job_lost_it(job) || job->self->asked || job->fifo < 0 || job->ending) return false;
    healing->wait = next_wait(healing, now);
    healing->due = healing->wait >= 0;
    healing->count += healing->due;
    keep_incident(job, healing->due, now);
    return healing->due;
}

void job_begin_again(struct job *job) {
    const struct healing *healing = job->healing;
    note("the job starts again in %.1f s, restart %d of %d within %d s", healing->wait, healing->restarts.count,
         healing->again->restarts, healing->again->window);
    job_kill(job);
}
