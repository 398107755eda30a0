// Signals of a stage, taken by stage.c: remembered in a handler, told through a pipe to the poll loop. What a request
// means to a stage is stage.c's; who is to be asked is coca-run's.
#include "stage/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"

enum { SAME_REQUEST_MS = 1000 };

// Atomic, since two threads may be in the handler at once.
static atomic_int first;
static atomic_int_least64_t first_at; // milliseconds; 0: the handler of the first is still about to set it
static int ends[2];

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int meaning(int number) {
    return number == SIGUSR1 ? SIGTERM : number;
}

static bool is_second(void) {
    int64_t since = atomic_load(&first_at);
    return since && milliseconds() - since >= SAME_REQUEST_MS;
}

static void on_signal(int number) {
    int saved = errno, none = 0;
    if (atomic_compare_exchange_strong(&first, &none, meaning(number))) {
        atomic_store(&first_at, milliseconds());
        // The pipe is empty, so the byte fits.
        if (write(ends[1], "", 1) != 1) _exit(128 + meaning(number));
    } else if (is_second()) {
        _exit(128 + meaning(number));
    }
    errno = saved;
}

static bool is_ignored(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_install(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    const int count = sizeof numbers / sizeof *numbers;
    // No SA_RESTART: a read or write that blocks gives way to the poll loop.
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) bug("pipe2: %s", strerror(errno));
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < count; i++) sigaddset(&action.sa_mask, numbers[i]);
    for (int i = 0; i < count; i++)
        if (numbers[i] != SIGHUP || !is_ignored(SIGHUP)) sigaction(numbers[i], &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return ends[0];
}

int signals_first(void) {
    return atomic_load(&first);
}
