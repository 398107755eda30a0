// The poll loop: everything the hub does besides what the stage asked for happens in here. A wait passes over all
// sockets until what it is for is met, a watch interrupts it, or a deadline is over; deadlines count on a clock of its
// own, which only runs while it waits. Called by take.c, edge.c and stages (hub_meet, hub_look, hub_watch).
#include <math.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "wire/contact.h"
#include "wire/manner.h"
#include "wire/wait.h"

enum { TICK_MS = 200 };
#define PROBE_SECONDS 1.0
#define LONGEST_POLL 1.0 // seconds; a poll that took longer was in a stopped process
#define PART_SECONDS 2.0

void hub_watch(struct hub *hub, int fd, int (*callback)(void *context), void *context) {
    hub->watches = xrealloc_array(hub->watches, (size_t)hub->watch_count + 1, sizeof *hub->watches);
    hub->watches[hub->watch_count++] = (struct watch){fd, callback, context};
}

void hub_unwatch(struct hub *hub, int fd) {
    int kept = 0;
    for (int i = 0; i < hub->watch_count; i++)
        if (hub->watches[i].fd != fd) hub->watches[kept++] = hub->watches[i];
    hub->watch_count = kept;
}

// --- One pass: poll, receive, call back, send what has become due

static int list_items(const struct hub *hub, const struct awaited *awaited, zmq_pollitem_t *item) {
    int count = 0;
    for (int i = 0; i < hub->watch_count; i++)
        item[count++] = (zmq_pollitem_t){NULL, hub->watches[i].fd, ZMQ_POLLIN, 0};
    if (awaited && awaited->fd >= 0) item[count++] = (zmq_pollitem_t){NULL, awaited->fd, awaited->events, 0};
    for (const struct edge *edge = hub->edges; edge; edge = edge->next)
        for (int i = 0; i < edge->link_count; i++) {
            const struct link *link = edge->link[i];
            if (link->socket) item[count++] = (zmq_pollitem_t){link->socket, 0, ZMQ_POLLIN, 0};
            if (link->monitor) item[count++] = (zmq_pollitem_t){link->monitor, 0, ZMQ_POLLIN, 0};
        }
    return count;
}

static int item_limit(const struct hub *hub) {
    int count = hub->watch_count + 1;
    for (const struct edge *edge = hub->edges; edge; edge = edge->next) count += 2 * edge->link_count;
    return count;
}

static void call_watches(struct hub *hub, const zmq_pollitem_t *item) {
    for (int i = 0; i < hub->watch_count; i++) {
        if (!item[i].revents) continue;
        int status = hub->watches[i].callback(hub->watches[i].context);
        if (status < 0 && !hub->failure) hub->failure = status;
        if (status > 0) hub->interrupt = status;
    }
}

static void poll_items(struct hub *hub, int timeout_ms, struct awaited *awaited) {
    zmq_pollitem_t *item = xcalloc((size_t)item_limit(hub), sizeof *item);
    int count = list_items(hub, awaited, item);
    double before = clock_seconds();
    int ready = zmq_poll(item, count, timeout_ms);
    hub->clock += fmin(clock_seconds() - before, LONGEST_POLL);
    if (ready > 0) {
        call_watches(hub, item);
        if (awaited && awaited->fd >= 0) awaited->fd_ready = item[hub->watch_count].revents != 0;
    }
    free(item);
}

void hub_pass(struct hub *hub, int timeout_ms, struct awaited *awaited) {
    poll_items(hub, timeout_ms, awaited);
    bool probe = hub->clock - hub->probed >= PROBE_SECONDS;
    if (probe) hub->probed = hub->clock;
    for (struct edge *edge = hub->edges; edge; edge = edge->next) {
        if (!edge->link_count) continue;
        arrivals_take(edge);
        liveness_attend(edge, probe);
    }
}

// --- Deadlines

// An edge whose other end is not there. `began` is when the wait did; it may have been lost later.
static int check_peer(const struct edge *edge, struct address from, double began) {
    const struct hub *hub = edge->hub;
    struct missing missing;
    double since = fmax(began, edge->lonely_since);
    if (hub->clock - since < hub->config.peer_timeout || !edge->manner->misses(edge, from, &missing)) return 0;
    return error(EXIT_PEER, "edge %s: %s is missing at %s for %g s (--peer-timeout); was it started, and did it fail?",
                 edge->name, missing.who, missing.where, hub->config.peer_timeout);
}

static int check_peers(const struct awaited *awaited, double began) {
    int status = 0;
    if (awaited->fd >= 0) return 0; // no peer is waited for
    if (awaited->edge) return check_peer(awaited->edge, awaited->wanted.from, began);
    for (const struct edge *edge = awaited->hub->edges; edge && status == 0; edge = edge->next)
        if (edge->link_count && edge->manner->stateful) status = check_peer(edge, ANYBODY, began);
    return status;
}

static void describe_request(const struct awaited *awaited, struct buffer *text) {
    const struct request *request = awaited->request;
    if (!request) return;
    if (request->peer)
        buffer_format(text, ", asked of %s %d %.0f s ago", request->peer->role, request->peer->rank,
                      awaited->hub->clock - request->asked_at);
    else
        buffer_text(text, ", not asked of anybody: no worker has room in its window");
}

static int check_stall(const struct awaited *awaited, double began) {
    struct hub *hub = awaited->hub;
    const struct wanted *wanted = &awaited->wanted;
    struct buffer text = {0};
    char from[ADDRESS_TEXT];
    double since = fmax(began, hub->arrival);
    if (awaited->patient || !awaited->edge || hub->clock - since < hub->config.stall_timeout) return 0;
    describe_request(awaited, &text);
    int status =
        error(EXIT_PEER, "nothing arrived for %g s (--stall-timeout): edge %s waits for %s (%lld, %d) from %s%s",
              hub->config.stall_timeout, awaited->edge->name, wanted_name(wanted), (long long)wanted->step,
              wanted->microbatch, address_text(wanted->from, from), text.size ? text.bytes : "");
    buffer_release(&text);
    return status;
}

// --- Waiting

// 0 to go on waiting.
static int check_deadlines(const struct awaited *awaited, double began) {
    int status = check_peers(awaited, began);
    if (status == 0) status = check_stall(awaited, began);
    if (status) awaited->hub->failure = status;
    return status;
}

int hub_status(struct hub *hub) {
    int interrupt = hub->interrupt;
    hub->interrupt = 0;
    return hub->failure ? hub->failure : interrupt;
}

int hub_look(struct hub *hub) {
    hub_pass(hub, 0, NULL);
    return hub_status(hub);
}

int hub_wait(struct awaited *awaited) {
    struct hub *hub = awaited->hub;
    double began = hub->clock, entered = clock_seconds();
    int status = 0;
    for (int timeout = 0; status == 0; timeout = TICK_MS) {
        hub_pass(hub, timeout, awaited);
        status = hub_status(hub);
        if (status == 0 && awaited->met(awaited)) break;
        if (status == 0) status = check_deadlines(awaited, began);
    }
    *awaited->account += clock_seconds() - entered;
    return status;
}

static bool is_fd_ready(const struct awaited *awaited) {
    return awaited->fd_ready;
}

int hub_wait_fd(void *context, int fd, short events) {
    struct edge *edge = context;
    struct hub *hub = edge->hub;
    struct awaited awaited = {.met = is_fd_ready, .hub = hub, .edge = edge, .fd = fd, .patient = true};
    bool writes = events & POLLOUT;
    awaited.events = writes ? ZMQ_POLLOUT : ZMQ_POLLIN;
    awaited.account = writes ? &hub->counters.blocked : &hub->counters.waiting;
    int status = hub_wait(&awaited);
    if (writes && status > 0) hub->interrupt = status; // the write goes on; the stage's next wait hears of it
    return status;
}

static bool all_met(const struct awaited *awaited) {
    struct missing missing;
    for (const struct edge *edge = awaited->hub->edges; edge; edge = edge->next)
        if (edge->link_count && edge->manner->stateful && edge->manner->misses(edge, ANYBODY, &missing)) return false;
    return true;
}

int hub_meet(struct hub *hub) {
    struct awaited awaited = {.met = all_met, .hub = hub, .fd = -1, .account = &hub->counters.waiting};
    return hub_wait(&awaited);
}

bool edge_is_met(const struct edge *edge) {
    struct missing missing;
    return !edge->manner->misses(edge, ANYBODY, &missing);
}

static bool is_met(const struct awaited *awaited) {
    return edge_is_met(awaited->edge);
}

int edge_meet(struct edge *edge) {
    struct awaited awaited = {.met = is_met, .hub = edge->hub, .edge = edge, .fd = -1, .patient = true};
    awaited.wanted = wanted_anything();
    awaited.account = &edge->hub->counters.waiting;
    return edge->recording ? 0 : hub_wait(&awaited);
}

// --- Parting

static bool has_parted(const struct edge *edge) {
    const bool parts = edge->manner->stateful || edge->manner->name == EDGE_GUEST;
    for (int i = 0; i < edge->peer_count && parts; i++)
        if (!edge->peer[i]->guest && edge->peer[i]->state == PEER_HERE) return false;
    return true;
}

static bool all_parted(const struct hub *hub) {
    for (const struct edge *edge = hub->edges; edge; edge = edge->next)
        if (!has_parted(edge)) return false;
    return true;
}

// News for a guest that parts change nothing.
static bool is_interrupted(const struct hub *hub) {
    return hub->interrupt && hub->interrupt != HUB_NEWS;
}

// Both ends of a stateful edge say `end` and hear the other's before they close. Who closed first would leave the other
// one's `end` without a reader: that lingers for its whole time, and when something arrives for the closed socket
// meanwhile, libzmq's next heartbeat aborts the process (assertion !_io_error of libzmq 4.3).
void hub_part(struct hub *hub) {
    const double until = hub->clock + PART_SECONDS;
    for (int timeout = 0; !hub->failure && !is_interrupted(hub) && hub->clock < until && !all_parted(hub);
         timeout = TICK_MS)
        hub_pass(hub, timeout, NULL);
}
