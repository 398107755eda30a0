// What arrives on an edge: greetings go to hello.c, messages of peers to the edge's manner, and nonsense is counted,
// told and answered for. Called in every pass of the poll loop, and before a peer is counted as lost.
#include "base/fail.h"
#include "wire/contact.h"
#include "wire/manner.h"

// --- Malformed messages

// Named by its connection, since the sender it claims may be part of the nonsense.
static void complain(const struct link *link, const struct identity *identity, const struct peer *peer,
                     const char *reason) {
    const struct edge *edge = link->edge;
    struct hub *hub = edge->hub;
    char connection[2 * IDENTITY_LIMIT + 1], who[ADDRESS_TEXT];
    if (!complaint_due(hub)) return;
    warn("edge %s: malformed message from connection %s (%s): %s%s", edge->name,
         identity->size ? identity_text(identity, connection) : link->address,
         peer ? address_text(peer_address(peer), who) : "no hello", reason,
         peer && (peer->guest || edge->manner->ignore) ? "; it is ignored from here on" : "");
    if (hub->unsaid) warn("%d more messages like it were not reported", hub->unsaid);
    hub->unsaid = 0;
}

// Before hello it is dropped. A peer that can be done without is ignored; else the run ends.
static void malformed(struct link *link, const struct identity *identity, struct peer *peer, const char *reason) {
    struct edge *edge = link->edge;
    struct hub *hub = edge->hub;
    hub->counters.malformed++;
    complain(link, identity, peer, reason);
    if (!peer) return;
    if (peer->guest)
        peer->state = PEER_IGNORED;
    else if (edge->manner->ignore)
        edge->manner->ignore(edge, peer);
    else if (!hub->failure)
        hub_fail(hub, error(EXIT_RUN, "edge %s: %s %d sent %s %d a malformed message: %s", edge->name, peer->role,
                            peer->rank, hub->config.role, hub->config.rank, reason));
}

// --- Messages

// Takes over what it wants of *message. NULL, or why the message is malformed.
static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    if (!address_fits(peer_address(peer), (struct address){(*message)->from, (*message)->rank}))
        return "the sender is not who said hello";
    if (hello_of_another_run(edge->hub, *message)) return "it belongs to another run";
    const int64_t behind = hello_generations_behind(edge->hub, *message);
    if (behind < 0) return "it belongs to a later generation of the run";
    edge->hub->counters.stale += behind > 0;
    if (behind > 0) return NULL;
    // It only tells its sender that this end is there, and is no progress to a stalled edge.
    if ((*message)->kind == MESSAGE_PROBE) return NULL;
    edge->hub->arrival = edge->hub->clock;
    return edge->manner->deliver(edge, peer, message);
}

// In this order: nothing is read from who is ignored; what cannot be decoded is malformed whoever sent it; a hello
// begins a connection at a ROUTER, even one that has a peer; a DEALER that has no peer waits for the answer to its own
// hello; the rest needs a peer.
static const char *take(struct link *link, struct arrival *arrival, struct peer *peer) {
    const bool binds = link->edge->manner->binds;
    if (!arrival->message) return arrival->reason;
    trace_message(link->edge, "<-",
                  peer ? peer_address(peer) : (struct address){arrival->message->from, arrival->message->rank},
                  arrival->message);
    if (binds && arrival->message->kind == MESSAGE_HELLO) {
        hello_take(link, &arrival->identity, peer, arrival->message);
        return NULL;
    }
    if (!binds && !peer) return hello_take_answer(link, arrival->message);
    return peer ? deliver(link->edge, peer, &arrival->message) : "a message before hello";
}

static void take_arrival(struct link *link, struct arrival *arrival) {
    struct peer *peer = peer_at(link, &arrival->identity);
    if (peer && peer->state == PEER_IGNORED) return;
    const char *reason = take(link, arrival, peer);
    if (reason) malformed(link, &arrival->identity, peer, reason);
}

void arrivals_take(struct edge *edge) {
    struct arrival arrival;
    for (int i = 0; i < edge->link_count; i++)
        while (edge->link[i]->socket && frames_receive(edge->link[i], &arrival)) {
            take_arrival(edge->link[i], &arrival);
            message_free(&arrival.message);
        }
}
