// A worker's side of a pulled edge: what it was asked and has not begun. A consumer that is lost may come back, so the
// worker forgets what it was asked and greets anew; one that ended needs none of what it asked before. take.c hands the
// requests to the stage; the rest is called through the table of manners.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/manner.h"

enum { ASK_LIMIT = 65536 };

static const char *file(struct asks *asks, const struct message *message) {
    if (message->unit.step < 0 || message->unit.microbatch < 0) return "a request without a unit";
    if (asks->count == ASK_LIMIT) return "too many requests at once";
    if (asks->count == asks->capacity) {
        asks->capacity = asks->capacity ? 2 * asks->capacity : 16;
        asks->unit = xrealloc_array(asks->unit, (size_t)asks->capacity, sizeof *asks->unit);
    }
    asks->unit[asks->count++] = message->unit;
    snprintf(asks->shares, sizeof asks->shares, "%s", message_text(message, "shares"));
    return NULL;
}

static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    if ((*message)->kind == MESSAGE_ASK) return file(&edge->asks, *message);
    if ((*message)->kind != MESSAGE_END) return "a consumer only asks and ends";
    peer->state = PEER_ENDED;
    return NULL;
}

static void forget(struct edge *edge) {
    free(edge->asks.unit);
    edge->asks = (struct asks){0};
}

static void lost(struct edge *edge, struct peer *peer) {
    if (!edge->ended) note("edge %s: %s %d is gone", edge->name, peer->role, peer->rank);
    peer_remove(edge, peer);
    forget(edge);
}

const char *edge_consumer_shares(const struct edge *edge) {
    return edge->asks.shares;
}

static bool consumer_ended(const struct edge *edge) {
    return edge->peer_count && edge->peer[0]->state == PEER_ENDED;
}

bool serve_is_asked(const struct edge *edge) {
    return edge->asks.count || consumer_ended(edge);
}

bool serve_next(struct edge *edge, struct unit *unit) {
    struct asks *asks = &edge->asks;
    if (consumer_ended(edge)) return false;
    *unit = asks->unit[0];
    memmove(asks->unit, asks->unit + 1, (size_t)--asks->count * sizeof *asks->unit);
    return true;
}

const struct manner serve_manner = {
    .name = EDGE_SERVE,
    .deliver = deliver,
    .lost = lost,
    .misses = peer_is_missing,
    .forget = forget,
};
