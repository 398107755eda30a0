// A worker whose consumers ask. A unit of a list that has not grown so far waits here, and those asked for after it are
// answered meanwhile; a timer interrupts the hub's wait to look again.
#include <inttypes.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/count.h"
#include "base/memory.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

struct service {
    struct hub *hub;
    const struct worker *worker;
    struct edge *edge;
    struct ask {
        struct unit unit;
        struct address from;
    } * waiting; // [count]
    int count, capacity;
    int timer;
};

enum { LOOK = 100 }; // what an interrupted wait returns

static int on_timer(void *context) {
    const struct service *service = context;
    uint64_t times;
    return read(service->timer, &times, sizeof times) == sizeof times && service->count ? LOOK : 0;
}

static void set_timer(const struct service *service) {
    const struct timespec interval = {.tv_nsec = service->count ? WORKER_LOOK_MILLISECONDS * 1000000 : 0};
    timerfd_settime(service->timer, 0, &(struct itimerspec){interval, interval}, NULL);
}

static void put_off(struct service *service, struct ask ask) {
    if (service->count == service->capacity) {
        service->capacity = service->capacity ? 2 * service->capacity : 16;
        service->waiting = xrealloc_array(service->waiting, (size_t)service->capacity, sizeof ask);
    }
    service->waiting[service->count++] = ask;
}

// Answers what can be answered, and keeps the rest.
static int answer(struct service *service) {
    int kept = 0, status = 0;
    for (int i = 0; i < service->count && !status; i++) {
        struct message *message;
        const struct ask ask = service->waiting[i];
        status = worker_make(service->worker, ask.unit, &message);
        if (message)
            status = edge_send(service->edge, ask.from, &message);
        else
            service->waiting[kept++] = ask;
    }
    service->count = kept;
    set_timer(service);
    return status;
}

// The consumer says how many samples it wants, which is held to what a message may hold before any memory is taken.
static int check(const struct service *service, struct unit unit) {
    const int64_t limit = hub_message_limit(service->hub);
    int64_t bytes;
    if (count_multiply(unit.samples, service->worker->row_bytes, &bytes) && bytes <= limit) return 0;
    return error(EXIT_RUN,
                 "edge %s: %" PRId32 " samples at once are asked for, more than the %" PRId64
                 " bytes of --message-limit",
                 service->worker->edge, unit.samples, limit);
}

static int serve(struct service *service) {
    int status;
    do {
        struct unit unit;
        status = edge_next_ask(service->edge, &unit);
        if (status == HUB_NEWS && service->worker->guest) {
            status = guest_follow(service->worker, service->edge);
            continue;
        }
        if (!status) status = check(service, unit);
        if (!status) put_off(service, (struct ask){unit, edge_asker(service->edge)});
        if (!status || status == LOOK) status = answer(service);
    } while (!status);
    return status;
}

int worker_serve(const struct worker *worker, struct hub *hub, struct edge *edge) {
    struct service service = {.hub = hub, .worker = worker, .edge = edge};
    service.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (service.timer < 0) return error(EXIT_RUN, "no timer can be made");
    hub_watch(hub, service.timer, on_timer, &service);
    stage_signal_policy(STAGE_IGNORE, NULL, NULL);
    int status = serve(&service);
    hub_unwatch(hub, service.timer);
    close(service.timer);
    free(service.waiting);
    return status;
}
