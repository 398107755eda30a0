// A worker whose consumer asks.
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

// Units asked for that wait until a list has grown. A timer interrupts the hub's wait to look again.
static struct service {
    const struct worker *worker;
    struct edge *edge;
    struct unit *unit;
    int count, capacity;
    int timer;
} service;

enum { LOOK = 100 }; // what an interrupted wait returns

static int on_timer(void *context) {
    uint64_t times;
    (void)context;
    return read(service.timer, &times, sizeof times) == sizeof times && service.count ? LOOK : 0;
}

static void set_timer(void) {
    const struct timespec interval = {.tv_nsec = service.count ? WORKER_LOOK_MILLISECONDS * 1000000 : 0};
    timerfd_settime(service.timer, 0, &(struct itimerspec){interval, interval}, NULL);
}

static void put_off(struct unit unit) {
    if (service.count == service.capacity) {
        service.capacity = service.capacity ? 2 * service.capacity : 16;
        service.unit = xrealloc_array(service.unit, (size_t)service.capacity, sizeof unit);
    }
    service.unit[service.count++] = unit;
}

// Answers what can be answered, and keeps the rest.
static int answer(void) {
    int kept = 0, status = 0;
    for (int i = 0; i < service.count && !status; i++) {
        struct message *message;
        const struct unit unit = service.unit[i];
        status = worker_make(service.worker, unit, &message);
        if (message)
            status = edge_send(service.edge, ANYBODY, &message);
        else
            service.unit[kept++] = unit;
    }
    service.count = kept;
    set_timer();
    return status;
}

static int serve(void) {
    int status;
    do {
        struct unit unit;
        status = edge_next_ask(service.edge, &unit);
        if (!status) put_off(unit);
        if (!status || status == LOOK) status = answer();
    } while (!status);
    return status;
}

int worker_serve(struct hub *hub, struct edge *edge, const struct worker *worker) {
    service = (struct service){.worker = worker, .edge = edge};
    service.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (service.timer < 0) return error(EXIT_RUN, "no timer can be made");
    // The hub watches it to the process's end, so it stays open.
    hub_watch(hub, service.timer, on_timer, NULL);
    stage_signal_policy(STAGE_IGNORE, NULL, NULL);
    int status = serve();
    free(service.unit);
    service.unit = NULL;
    service.count = service.capacity = 0;
    return status;
}
