// Consumers ask for the stage's output, microbatch by microbatch, until they have enough. The input of what was asked
// is asked for at once, so that it is made while earlier units compute. Each answer goes to who asked for it; a unit
// that two ask for, as when one of them is thought lost, is made for the second when the first has it.
//
// What one consumer asks may have to wait for data that come later, while what another asks behind it is there: of
// several, a timer interrupts the wait, and the first unit whose input has come is answered.
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "train/follower_pass.h"

enum { QUEUE = 64 }; // units taken from the consumers' requests and not answered
enum { LOOK = 100 }; // what an interrupted wait returns
enum { LOOK_NANOSECONDS = 10 * 1000000 };

// A request that is not answered yet.
struct asked {
    struct unit unit;
    char role[WIRE_NAME]; // of who asked
    int rank;
    bool begun; // its input is asked for
};

struct service {
    struct follower *follower;
    struct asked *asked; // [count], in the order in which they came
    int count, capacity;
    struct asked first; // the first request ever
    bool several;       // another one asked, too
    int timer;
};

// ---- requests

// The first one of the unit whose input is asked for, or not.
static struct asked *find(const struct service *service, struct unit unit, bool begun) {
    for (int i = 0; i < service->count; i++) {
        struct asked *asked = &service->asked[i];
        if (asked->begun == begun && asked->unit.step == unit.step && asked->unit.microbatch == unit.microbatch)
            return asked;
    }
    return NULL;
}

// The first one that had to wait for another of the same unit, and need not any more.
static struct asked *find_put_off(const struct service *service) {
    for (int i = 0; i < service->count; i++)
        if (!service->asked[i].begun && !find(service, service->asked[i].unit, true)) return &service->asked[i];
    return NULL;
}

static void add(struct service *service, struct unit unit, bool begun) {
    const struct address from = edge_asker(service->follower->served);
    if (service->count == service->capacity) {
        service->capacity = service->capacity ? 2 * service->capacity : 16;
        service->asked = xrealloc_array(service->asked, (size_t)service->capacity, sizeof *service->asked);
    }
    struct asked *asked = &service->asked[service->count++];
    *asked = (struct asked){.unit = unit, .rank = from.rank, .begun = begun};
    strncpy(asked->role, from.role, WIRE_NAME - 1);
    if (!service->first.role[0]) service->first = *asked;
    service->several |= from.rank != service->first.rank || strcmp(from.role, service->first.role) != 0;
}

static struct asked take(struct service *service, struct unit unit) {
    struct asked *at = find(service, unit, true), asked = *at;
    memmove(at, at + 1, (size_t)(service->asked + --service->count - at) * sizeof *at);
    return asked;
}

// The `next` of the pulled edge: what a consumer asks.
static int next_asked(void *context, bool wait, struct unit *unit) {
    struct service *service = context;
    struct edge *served = service->follower->served;
    struct asked *put_off = find_put_off(service);
    if (put_off) {
        put_off->begun = true;
        *unit = put_off->unit;
        return 0;
    }
    for (;;) {
        if (!wait && !edge_ready(served, wanted_ask())) return AHEAD_NOT_YET;
        const int status = edge_next_ask(served, unit);
        if (status) return status;
        const bool begins = !find(service, *unit, true);
        add(service, *unit, begins);
        if (begins) return 0;
    }
}

// ---- answers

static int say_end(const struct follower *follower, struct unit unit) {
    struct message *end = message_new(MESSAGE_END, unit);
    return edge_send(follower->served, *follower->asker, &end);
}

static int serve(struct follower *follower, struct unit unit, struct message **input) {
    struct pass pass = {
        .follower = follower, .order = {.step = unit.step, .first = unit.first, .batch = unit.samples}, .first = input};
    return pass_unit(&pass, unit.microbatch);
}

static int on_timer(void *context) {
    const struct service *service = context;
    uint64_t times;
    return read(service->timer, &times, sizeof times) == sizeof times ? LOOK : 0;
}

static void set_timer(const struct service *service, bool on) {
    const struct timespec interval = {.tv_nsec = on ? LOOK_NANOSECONDS : 0};
    if (service->several) timerfd_settime(service->timer, 0, &(struct itimerspec){interval, interval}, NULL);
}

static int answer_next(struct service *service) {
    struct follower *follower = service->follower;
    struct message *input;
    const struct unit unit = *ahead_first(&follower->pulled);
    set_timer(service, service->several);
    int status = ahead_take(&follower->pulled, &input);
    set_timer(service, false);
    if (status && status != HUB_END) return status;
    const struct asked asked = take(service, unit);
    *follower->asker = (struct address){asked.role, asked.rank};
    status = status == HUB_END ? say_end(follower, unit) : serve(follower, unit, &input);
    *follower->asker = ANYBODY;
    message_free(&input);
    return status;
}

static int answer_all(struct service *service) {
    struct ahead *pulled = &service->follower->pulled;
    int status;
    do {
        status = ahead_fill(pulled);
        if (!status && service->several) ahead_promote(pulled);
        if (!status) status = answer_next(service);
    } while (!status || status == LOOK);
    return status;
}

int follower_served(struct follower *follower) {
    struct service service = {.follower = follower};
    follower->pulled.window = QUEUE - 1;
    follower->pulled.next = next_asked;
    follower->pulled.context = &service;
    service.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (service.timer < 0) return error(EXIT_RUN, "no timer can be made");
    hub_watch(follower->hub, service.timer, on_timer, &service);
    int status = answer_all(&service);
    hub_unwatch(follower->hub, service.timer);
    close(service.timer);
    free(service.asked);
    return status;
}
