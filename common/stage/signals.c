#include "stage/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

static volatile sig_atomic_t first;
static int ends[2];

static void on_signal(int number) {
    int saved = errno;
    if (first) _exit(128 + number);
    first = number;
    // The pipe is empty, so the byte fits.
    if (write(ends[1], "", 1) != 1) _exit(128 + number);
    errno = saved;
}

int signals_install(void) {
    // No SA_RESTART: a read or write that blocks gives way to the poll loop.
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) bug("pipe2: %s", strerror(errno));
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return ends[0];
}

int signals_first(void) {
    return first;
}
