// A worker's side of a pulled edge: what it was asked and has not begun.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/hub_private.h"

enum { ASK_LIMIT = 65536 };

const char *serve_deliver(struct edge *edge, struct message **message) {
    struct asks *asks = &edge->asks;
    if ((*message)->kind != MESSAGE_ASK) return "a consumer only asks and ends";
    if ((*message)->unit.step < 0 || (*message)->unit.microbatch < 0) return "a request without a unit";
    if (asks->count == ASK_LIMIT) return "too many requests at once";
    if (asks->count == asks->capacity) {
        asks->capacity = asks->capacity ? 2 * asks->capacity : 16;
        asks->unit = xrealloc_array(asks->unit, (size_t)asks->capacity, sizeof *asks->unit);
    }
    asks->unit[asks->count++] = (*message)->unit;
    snprintf(asks->shares, sizeof asks->shares, "%s", message_text(*message, "shares"));
    message_free(message);
    return NULL;
}

void serve_forget(struct edge *edge) {
    free(edge->asks.unit);
    edge->asks = (struct asks){0};
}

const char *edge_consumer_shares(const struct edge *edge) {
    return edge->asks.shares;
}

// A consumer that ended needs none of what it asked before.
static bool consumer_ended(const struct edge *edge) {
    return edge->peer_count && edge->peer[0]->state == PEER_ENDED;
}

bool serve_is_asked(const struct edge *edge) {
    return edge->asks.count || consumer_ended(edge);
}

static bool asked_or_ended(const struct awaited *awaited) {
    return serve_is_asked(awaited->edge);
}

int edge_next_ask(struct edge *edge, struct unit *unit) {
    if (edge->manner != EDGE_SERVE || edge->recording) bug("edge %s is not asked", edge->name);
    struct awaited awaited = {.met = asked_or_ended, .hub = edge->hub, .edge = edge, .fd = -1, .patient = true};
    awaited.wanted = wanted_ask();
    awaited.account = &edge->hub->counters.blocked;
    int status = hub_wait(&awaited);
    if (status) return status;
    if (consumer_ended(edge)) return HUB_END;
    struct asks *asks = &edge->asks;
    *unit = asks->unit[0];
    memmove(asks->unit, asks->unit + 1, (size_t)--asks->count * sizeof *asks->unit);
    return 0;
}
