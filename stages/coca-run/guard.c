// coca-run is two processes. The one that was started is the guard: it does nothing but pass signals on and wait, and
// so is never in the middle of anything. The other, the supervisor (job.c), starts the job. Each watches the other, and
// both are subreapers: a process whose parent died becomes the supervisor's child, or the guard's when the supervisor
// is gone. So whichever of the two is killed, the other still knows every process of the job, children's children
// included.
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"

void signals_block(sigset_t *taken, sigset_t *former) {
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGUSR1};
    struct sigaction hangup;
    sigemptyset(taken);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        signal(numbers[i], SIG_DFL); // what is ignored may never arrive
        sigaddset(taken, numbers[i]);
    }
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaddset(taken, SIGHUP);
    signal(SIGPIPE, SIG_IGN); // a reader of our words that leaves does not end the job
    sigprocmask(SIG_BLOCK, taken, former);
}

int descendants_signal(int number) {
    FILE *children = fopen("/proc/thread-self/children", "re");
    int pid, count = 0;
    if (!children) return 0;
    while (fscanf(children, "%d", &pid) == 1) count += kill(pid, number) == 0;
    fclose(children);
    return count;
}

void descendants_end(void) {
    // A child that is gone makes its own children ours: they are found in the next turn.
    while (descendants_signal(SIGKILL) && waitpid(-1, NULL, 0) > 0) continue;
}

// Reaps who is gone; true when the supervisor was among them, with its status.
static bool reap(pid_t supervisor, int *status) {
    pid_t pid;
    int its;
    bool found = false;
    while ((pid = waitpid(-1, &its, WNOHANG)) > 0) {
        if (pid != supervisor) continue;
        *status = its;
        found = true;
    }
    return found;
}

static int watch(pid_t supervisor, const sigset_t *taken) {
    int status = 0, number;
    do {
        number = sigwaitinfo(taken, NULL);
        if (number > 0 && number != SIGCHLD) kill(supervisor, number);
    } while (!reap(supervisor, &status));
    descendants_end();
    if (WIFEXITED(status)) return -WEXITSTATUS(status);
    return error(EXIT_PEER, "the supervisor was ended by signal %d, and the job with it", WTERMSIG(status));
}

int guard(int (*supervise)(void *context, int guard), void *context, const sigset_t *taken) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return error(EXIT_RUN, "no pipe: %s", strerror(errno));
    fflush(stderr);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t supervisor = fork();
    if (supervisor < 0) return error(EXIT_RUN, "no process: %s", strerror(errno));
    if (supervisor) {
        close(ends[0]);
        return watch(supervisor, taken);
    }
    // Who kills the guard's process group does not kill the supervisor with it; the mark of a subreaper is not
    // inherited.
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    close(ends[1]);
    return supervise(context, ends[0]);
}
