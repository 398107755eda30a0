// A worker's side of a pulled edge: what it was asked and has not begun, by one consumer or by several, each on a link
// of its own. A consumer that is lost may come back, so the worker forgets what that one asked and greets anew; one
// that ended needs none of what it asked before. take.c hands the requests to the stage; the rest is called through the
// table of manners.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/manner.h"

enum { ASK_LIMIT = 65536 };

static void add(struct asks *asks, struct link *link, struct unit unit) {
    if (asks->count == asks->capacity) {
        asks->capacity = asks->capacity ? 2 * asks->capacity : 16;
        asks->item = xrealloc_array(asks->item, (size_t)asks->capacity, sizeof *asks->item);
    }
    asks->item[asks->count].unit = unit;
    asks->item[asks->count++].link = link;
}

static const char *file(struct asks *asks, const struct peer *peer, const struct message *message) {
    struct link *link = peer->link;
    if (message->unit.step < 0 || message->unit.microbatch < 0) return "a request without a unit";
    if (asks->count == ASK_LIMIT) return "too many requests at once";
    add(asks, link, message->unit);
    memcpy(link->consumer, peer->role, sizeof link->consumer);
    link->consumer_rank = peer->rank;
    snprintf(link->shares, sizeof link->shares, "%s", message_text(message, "shares"));
    return NULL;
}

void serve_forget(struct edge *edge, const struct link *link) {
    struct asks *asks = &edge->asks;
    int kept = 0;
    for (int i = 0; i < asks->count; i++)
        if (asks->item[i].link != link) asks->item[kept++] = asks->item[i];
    asks->count = kept;
}

static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    if ((*message)->kind == MESSAGE_ASK) return file(&edge->asks, peer, *message);
    if ((*message)->kind != MESSAGE_END) return "a consumer only asks and ends";
    peer->state = PEER_ENDED;
    serve_forget(edge, peer->link);
    return NULL;
}

static void forget(struct edge *edge) {
    free(edge->asks.item);
    edge->asks = (struct asks){0};
}

static void lost(struct edge *edge, struct peer *peer) {
    const struct link *link = peer->link;
    if (!edge->ended) note("edge %s: %s %d is gone", edge->name, peer->role, peer->rank);
    peer_remove(edge, peer);
    serve_forget(edge, link);
}

struct address edge_asker(const struct edge *edge) {
    const struct link *link = edge->asks.handed;
    return link ? (struct address){link->consumer, link->consumer_rank} : ANYBODY;
}

const char *edge_consumer_shares(const struct edge *edge) {
    return edge->asks.handed ? edge->asks.handed->shares : "";
}

static bool consumers_ended(const struct edge *edge) {
    bool any = false;
    for (int i = 0; i < edge->link_count; i++) {
        const struct peer *peer = peer_of_link(edge->link[i]);
        if (edge->link[i]->left) continue;
        if (!peer || peer->state != PEER_ENDED) return false;
        any = true;
    }
    return any;
}

bool serve_is_asked(const struct edge *edge) {
    return edge->asks.count || consumers_ended(edge);
}

bool serve_next(struct edge *edge, struct unit *unit) {
    struct asks *asks = &edge->asks;
    if (!asks->count) return false;
    *unit = asks->item[0].unit;
    asks->handed = asks->item[0].link;
    memmove(asks->item, asks->item + 1, (size_t)--asks->count * sizeof *asks->item);
    return true;
}

const struct manner serve_manner = {
    .name = EDGE_SERVE,
    .deliver = deliver,
    .lost = lost,
    .misses = peer_is_missing,
    .forget = forget,
};
