// A consumer's side of a pulled edge: requests to workers, answered in any order, asked again when a worker fails.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/hub_private.h"

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

void pull_forget(struct edge *edge) {
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
        if (peer->state != PEER_HERE || peer == other_than || peer->outstanding >= edge->window) continue;
        if (request->role[0] && strcmp(request->role, peer->role) != 0) continue;
        if (!best || peer->outstanding < best->outstanding ||
            (peer->outstanding == best->outstanding && peer->asked_nth < best->asked_nth))
            best = peer;
    }
    return best;
}

static bool ask(struct edge *edge, struct request *request, struct peer *peer) {
    struct message *message = hub_message(edge->hub, MESSAGE_ASK);
    message->unit = request->unit;
    if (edge->shares && !edge->copy) message_set_text(message, "shares", edge->shares);
    if (!socket_send(edge, peer, &message)) {
        edge_unreachable(edge, peer);
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

void pull_assign(struct edge *edge) {
    struct request *request;
    struct peer *peer;
    // From the start again each time: a worker found dead changes peers and requests.
    while (!edge->ended && (request = next_to_ask(edge, &peer))) {
        bool again = request->state == REQUEST_ASKED;
        if (ask(edge, request, peer) && again) edge->hub->counters.repeated_requests++;
    }
}

void pull_release(struct edge *edge, struct peer *peer) {
    for (struct request *request = edge->requests; request; request = request->next) {
        if (request->peer != peer) continue;
        request->peer = NULL;
        if (request->state != REQUEST_ASKED) continue;
        request->state = REQUEST_OPEN;
        edge->hub->counters.repeated_requests++;
    }
    peer->outstanding = 0;
}

static struct request *awaiting(const struct edge *edge, const struct peer *peer, struct unit unit) {
    struct request *request = pull_find(edge, peer_address(peer), unit.step, unit.microbatch);
    if (!request) request = pull_find(edge, ANYBODY, unit.step, unit.microbatch);
    bool waits = request && (request->state == REQUEST_OPEN || request->state == REQUEST_ASKED);
    return waits ? request : NULL;
}

const char *pull_deliver(struct edge *edge, struct peer *peer, struct message **message) {
    bool beyond = (*message)->kind == MESSAGE_END;
    if (!beyond && (*message)->kind != MESSAGE_DATA) return "a worker only answers and ends";
    if (peer->outstanding > 0) peer->outstanding--;
    struct request *request = awaiting(edge, peer, (*message)->unit);
    if (!request) { // a late duplicate
        message_free(message);
        return NULL;
    }
    request->state = beyond ? REQUEST_BEYOND : REQUEST_ANSWERED;
    request->peer = NULL;
    if (beyond)
        message_free(message);
    else
        request->message = *message;
    *message = NULL;
    return NULL;
}
