// Stateful edges, of both ends: what is pushed waits in the inbox until the stage takes it. Nothing is sent twice, so a
// peer that is lost or talks nonsense ends the run; only its `end` makes its leaving proper. Called through the table.
#include "base/fail.h"
#include "wire/manner.h"

static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    const struct unit unit = (*message)->unit;
    const struct wanted same = wanted_data(peer_address(peer), unit.step, unit.microbatch);
    if (peer->guest) return guests_deliver(edge, peer, *message);
    if ((*message)->kind == MESSAGE_END) {
        peer->state = PEER_ENDED;
        return NULL;
    }
    if ((*message)->kind < MESSAGE_DATA) return "a kind that no stage sends here";
    if ((*message)->kind == MESSAGE_DATA && inbox_find(&edge->inbox, &same) >= 0) return "a unit that was sent before";
    inbox_put(&edge->inbox, message);
    return NULL;
}

// Who has ended its own side needs the peer no more, nor waits for its `end`.
static void lost(struct edge *edge, struct peer *peer) {
    struct hub *hub = edge->hub;
    if (peer->guest) {
        peer_remove(edge, peer);
        return;
    }
    if (edge->ended) peer->state = PEER_ENDED;
    if (edge->ended || hub->failure) return;
    hub_fail(hub, error(EXIT_PEER, "edge %s: %s %d is gone (its log says why)", edge->name, peer->role, peer->rank));
}

const struct manner bind_manner = {
    .name = EDGE_BIND,
    .binds = true,
    .stateful = true,
    .deliver = deliver,
    .lost = lost,
    .misses = peer_is_missing,
};

const struct manner connect_manner = {
    .name = EDGE_CONNECT,
    .stateful = true,
    .deliver = deliver,
    .lost = lost,
    .misses = peer_is_missing,
};
