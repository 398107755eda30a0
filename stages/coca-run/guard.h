// The process that outlives the supervisor, so that no process of a job outlives both.
#pragma once

#include <signal.h>

// The signals that a job is ended by, and SIGCHLD: blocked from here on, to be taken one by one. SIGHUP only where it
// is not ignored (nohup); SIGINT even where it is, as in a background job of a script. `former` is the mask that
// children get back.
void signals_block(sigset_t *taken, sigset_t *former);

// Forks. In the child, runs `supervise` with a descriptor that is at its end once the guard is gone, and returns what
// it returns. In the parent, the guard: passes `taken` on to the child, waits for it, ends whatever it left behind, and
// returns its exit code as -code, or -EXIT_PEER when it was killed.
int guard(int (*supervise)(void *context, int guard), void *context, const sigset_t *taken);

// Kills every child of this process, and their children, which become its own. Nobody is left when it returns. For a
// process that is their subreaper.
void descendants_end(void);
int descendants_signal(int signal); // the children that there are now; how many
