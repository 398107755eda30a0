// A consumer's side of a pulled edge: requests to workers, answered in any order, asked again when a worker fails or is
// slow. A unit has one request from edge_want to edge_take, whoever answers it; so answers may come late, twice, or
// from a worker that is not asked any more, and the first one counts. take.c wants and collects; the rest is called
// through the table of manners.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/link.h"
#include "wire/manner.h"

struct request *pull_find(const struct edge *edge, struct address from, int64_t step, int32_t microbatch) {
    for (struct request *request = edge->requests; request; request = request->next)
        if (request->unit.step == step && request->unit.microbatch == microbatch &&
            strcmp(request->role, from.role ? from.role : "") == 0)
            return request;
    return NULL;
}

void pull_want(struct edge *edge, struct address from, struct unit unit) {
    struct request **last = &edge->requests;
    if (pull_find(edge, from, unit.step, unit.microbatch))
        bug("edge %s: unit (%lld, %d) is wanted twice", edge->name, (long long)unit.step, unit.microbatch);
    while (*last) last = &(*last)->next;
    *last = xcalloc(1, sizeof **last);
    (*last)->unit = unit;
    if (from.role) strncpy((*last)->role, from.role, WIRE_NAME - 1);
}

void edge_opens_shared(struct edge *edge, const char *backend) {
    edge->shares = backend;
}

static void forget(struct edge *edge, struct request *request) {
    struct request **link = &edge->requests;
    while (*link != request) link = &(*link)->next;
    *link = request->next;
    message_free(&request->message);
    free(request);
}

static void forget_all(struct edge *edge) {
    while (edge->requests) forget(edge, edge->requests);
}

int pull_collect(struct edge *edge, struct request *request, struct message **message) {
    int status = request->state == REQUEST_BEYOND ? HUB_END : 0;
    *message = request->message;
    request->message = NULL;
    forget(edge, request);
    return status;
}

// The worker to ask: of the role, with room in its window, with the fewest requests, and asked longest ago.
static struct peer *choose(const struct edge *edge, const struct request *request, const struct peer *other_than) {
    struct peer *best = NULL;
    for (int i = 0; i < edge->peer_count; i++) {
        struct peer *peer = edge->peer[i];
        if (peer->state != PEER_HERE || peer->unreachable) continue;
        if (peer == other_than || peer->outstanding >= edge->window) continue;
        if (request->role[0] && strcmp(request->role, peer->role) != 0) continue;
        if (!best || peer->outstanding < best->outstanding ||
            (peer->outstanding == best->outstanding && peer->asked_nth < best->asked_nth))
            best = peer;
    }
    return best;
}

static bool ask(struct edge *edge, struct request *request, struct peer *peer) {
    struct message *message = message_new(MESSAGE_ASK, request->unit);
    if (edge->shares && !edge->copy) message_set_text(message, "shares", edge->shares);
    if (!frames_send(peer, &message)) {
        peer->unreachable = true;
        return false;
    }
    peer->outstanding++;
    peer->asked_nth = ++edge->hub->asks;
    request->state = REQUEST_ASKED;
    request->peer = peer;
    request->asked_at = edge->hub->clock;
    return true;
}

// One more worker for a request that was asked too long ago; the first answer counts.
static bool is_overdue(const struct edge *edge, const struct request *request) {
    return request->state == REQUEST_ASKED && edge->hub->clock - request->asked_at > edge->hub->config.request_timeout;
}

static struct request *next_to_ask(const struct edge *edge, struct peer **peer) {
    for (struct request *request = edge->requests; request; request = request->next) {
        if (request->state != REQUEST_OPEN && !is_overdue(edge, request)) continue;
        *peer = choose(edge, request, request->peer);
        if (*peer) return request;
    }
    return NULL;
}

// Asks as long as there is a request to ask and a worker to ask it of; one that cannot be reached is not chosen again.
static void attend(struct edge *edge) {
    struct request *request;
    struct peer *peer;
    while (!edge->ended && (request = next_to_ask(edge, &peer))) {
        bool again = request->state == REQUEST_ASKED;
        if (ask(edge, request, peer) && again) edge->hub->counters.repeated_requests++;
    }
}

// What the peer was asked goes to others.
static void release(struct edge *edge, struct peer *peer) {
    for (struct request *request = edge->requests; request; request = request->next) {
        if (request->peer != peer) continue;
        request->peer = NULL;
        if (request->state != REQUEST_ASKED) continue;
        request->state = REQUEST_OPEN;
        edge->hub->counters.repeated_requests++;
    }
    peer->outstanding = 0;
}

static void leave(struct edge *edge, struct peer *peer) {
    release(edge, peer);
    peer_remove(edge, peer);
}

static void lost(struct edge *edge, struct peer *peer) {
    if (peer->state == PEER_HERE && !edge->ended) note("edge %s: %s %d is gone", edge->name, peer->role, peer->rank);
    leave(edge, peer);
}

static void ignore(struct edge *edge, struct peer *peer) {
    peer->state = PEER_IGNORED;
    release(edge, peer);
    edge->lonely_since = edge->hub->clock;
}

static struct request *awaiting(const struct edge *edge, const struct peer *peer, struct unit unit) {
    struct request *request = pull_find(edge, peer_address(peer), unit.step, unit.microbatch);
    if (!request) request = pull_find(edge, ANYBODY, unit.step, unit.microbatch);
    bool waits = request && (request->state == REQUEST_OPEN || request->state == REQUEST_ASKED);
    return waits ? request : NULL;
}

static void answer(struct edge *edge, struct peer *peer, struct message **message) {
    if (peer->outstanding > 0) peer->outstanding--;
    struct request *request = awaiting(edge, peer, (*message)->unit);
    if (!request) return; // a late duplicate
    request->peer = NULL;
    request->state = REQUEST_BEYOND;
    if ((*message)->kind == MESSAGE_END) return;
    request->state = REQUEST_ANSWERED;
    request->message = *message;
    *message = NULL;
}

// The `end` of a unit answers a request, any other is the worker's goodbye.
static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    const bool ends = (*message)->kind == MESSAGE_END;
    if (!ends && (*message)->kind != MESSAGE_DATA) return "a worker only answers and ends";
    if (ends && (*message)->unit.step < 0)
        leave(edge, peer);
    else
        answer(edge, peer, message);
    return NULL;
}

// One worker of those that may answer is enough.
static bool misses(const struct edge *edge, struct address from, struct missing *missing) {
    if (peer_of(edge, from)) return false;
    snprintf(missing->who, sizeof missing->who, "%s", from.role ? from.role : "a worker");
    missing->where = edge->address;
    return true;
}

const struct manner pull_manner = {
    .name = EDGE_PULL,
    .binds = true,
    .deliver = deliver,
    .lost = lost,
    .ignore = ignore,
    .misses = misses,
    .attend = attend,
    .forget = forget_all,
};
