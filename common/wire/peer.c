// Who is at the other end: hello and its answers, liveness, loss, and what to do about a malformed message.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/hub_private.h"

#define REOPEN_SECONDS 0.3

// --- The peers of an edge

static struct peer *find_connection(const struct edge *edge, const struct identity *identity) {
    for (int i = 0; i < edge->peer_count; i++) {
        const struct identity *known = &edge->peer[i]->identity;
        if (known->size == identity->size && memcmp(known->bytes, identity->bytes, known->size) == 0)
            return edge->peer[i];
    }
    return NULL;
}

struct peer *edge_peer(const struct edge *edge, struct address address) {
    for (int i = 0; i < edge->peer_count; i++)
        if (edge->peer[i]->state != PEER_IGNORED && address_fits(address, peer_address(edge->peer[i])))
            return edge->peer[i];
    return NULL;
}

static struct peer *add_peer(struct edge *edge, const struct identity *identity, const struct message *message) {
    struct peer *peer = find_connection(edge, identity);
    if (!peer) {
        if (edge->peer_count == edge->peer_capacity) {
            edge->peer_capacity = edge->peer_capacity ? 2 * edge->peer_capacity : 8;
            edge->peer = xrealloc_array(edge->peer, (size_t)edge->peer_capacity, sizeof *edge->peer);
        }
        peer = edge->peer[edge->peer_count++] = xcalloc(1, sizeof *peer);
        peer->identity = *identity;
    }
    memcpy(peer->role, message->from, sizeof peer->role);
    peer->rank = message->rank;
    peer->state = PEER_HERE;
    peer->unreachable = false;
    return peer;
}

static void remove_peer(struct edge *edge, struct peer *peer) {
    int i = 0;
    while (edge->peer[i] != peer) i++;
    if (edge->manner == EDGE_PULL) pull_release(edge, peer);
    edge->peer[i] = edge->peer[--edge->peer_count];
    edge->lonely_since = edge->hub->clock;
    free(peer);
}

// A rank where several are expected; a role says enough of one.
static struct address named(const struct group *group, int rank) {
    return (struct address){group->role, group->ranks > 1 ? rank : ANY_RANK};
}

bool edge_misses(const struct edge *edge, struct address from, char who[ADDRESS_TEXT]) {
    for (int i = 0; i < edge->group_count; i++)
        for (int rank = 0; rank < edge->group[i].ranks; rank++) {
            const struct address awaited = {edge->group[i].role, rank};
            if (!address_fits(from, awaited) || edge_peer(edge, awaited)) continue;
            address_text(named(&edge->group[i], rank), who);
            return true;
        }
    if (edge->group_count || edge_peer(edge, ANYBODY)) return false;
    snprintf(who, ADDRESS_TEXT, "the other end");
    return true;
}

static void fail(struct hub *hub, int status) {
    if (!hub->failure) hub->failure = status;
}

// A connection is no more. After an `end` that is as it should be.
static void lose(struct edge *edge, struct peer *peer) {
    struct hub *hub = edge->hub;
    if (peer->state == PEER_ENDED) return;
    if (edge_is_stateful(edge)) {
        if (edge->ended || hub->failure) return;
        fail(hub, error(EXIT_PEER, "edge %s: %s %d is gone (its log says why)", edge->name, peer->role, peer->rank));
        return;
    }
    if (peer->state == PEER_HERE && !edge->ended) note("edge %s: %s %d is gone", edge->name, peer->role, peer->rank);
    remove_peer(edge, peer);
}

// --- Malformed messages

static void malformed(struct edge *edge, const struct identity *identity, struct peer *peer, const char *reason) {
    struct hub *hub = edge->hub;
    char text[2 * IDENTITY_LIMIT + 1];
    hub->counters.malformed++;
    if (complaint_due(hub)) {
        warn("edge %s: malformed message from connection %s (%s): %s%s", edge->name,
             identity->size ? identity_text(identity, text) : edge->address, peer ? peer->role : "no hello", reason,
             peer && edge->manner == EDGE_PULL ? "; it is ignored from here on" : "");
        if (hub->unsaid) warn("%d more messages like it were not reported", hub->unsaid);
        hub->unsaid = 0;
    }
    if (!peer) return;
    if (edge->manner == EDGE_PULL) {
        peer->state = PEER_IGNORED;
        pull_release(edge, peer);
        edge->lonely_since = hub->clock;
    } else if (!hub->failure) {
        fail(hub, error(EXIT_RUN, "edge %s: %s %d sent %s %d a malformed message: %s", edge->name, peer->role,
                        peer->rank, hub->config.role, hub->config.rank, reason));
    }
}

// --- Hello

static const struct group *find_group(const struct edge *edge, const char *role) {
    for (int i = 0; i < edge->group_count; i++)
        if (strcmp(edge->group[i].role, role) == 0) return &edge->group[i];
    return NULL;
}

// Why nobody of this address is awaited at a stateful edge, or no worker of its role at a pulled one.
static void judge_sender(const struct edge *edge, struct address sender, char why[WIRE_TEXT]) {
    const struct hub_config *own = &edge->hub->config;
    const struct group *group = find_group(edge, sender.role);
    if (edge->group_count && !group)
        snprintf(why, WIRE_TEXT, "edge %s of %s %d does not expect the role %s", edge->name, own->role, own->rank,
                 sender.role);
    else if (group && edge_is_stateful(edge) && sender.rank >= group->ranks)
        snprintf(why, WIRE_TEXT, "edge %s of %s %d expects %s 0 to %d, not %s %d", edge->name, own->role, own->rank,
                 sender.role, group->ranks - 1, sender.role, sender.rank);
    else if (edge_is_stateful(edge) && edge_peer(edge, sender))
        snprintf(why, WIRE_TEXT, "%s %d is connected to edge %s of %s %d already", sender.role, sender.rank, edge->name,
                 own->role, own->rank);
}

static bool runs_differ(const struct hub *hub, const struct message *message) {
    return hub->run[0] && message->run[0] && strcmp(hub->run, message->run) != 0;
}

static bool fingerprints_differ(const struct hub *hub, const struct message *hello) {
    int64_t theirs = 0;
    for (int i = 0; i < hello->field_count; i++)
        if (strcmp(hello->field[i].name, "fingerprint") == 0) theirs = hello->field[i].integer;
    return theirs && hub->config.fingerprint && (uint64_t)theirs != hub->config.fingerprint;
}

// Why this hello is refused, in words that name both sides; empty when it is not.
static void judge(const struct edge *edge, const struct message *hello, char why[WIRE_TEXT]) {
    const struct hub *hub = edge->hub;
    const char *name = message_text(hello, "edge");
    why[0] = 0;
    if (hello->version != WIRE_VERSION)
        snprintf(why, WIRE_TEXT, "it speaks wire version %d, %s speaks %d", hello->version, hub->config.role,
                 WIRE_VERSION);
    else if (strcmp(name, edge->name) != 0)
        snprintf(why, WIRE_TEXT, "this is edge %s of %s, not %s", edge->name, hub->config.role, name);
    else if (runs_differ(hub, hello))
        snprintf(why, WIRE_TEXT, "it belongs to run %s, %s to run %s", hello->run, hub->config.role, hub->run);
    else if (fingerprints_differ(hub, hello))
        snprintf(why, WIRE_TEXT, "its model differs from that of %s: give both the same configuration",
                 hub->config.role);
    else if (edge->peer_count >= PEER_LIMIT)
        snprintf(why, WIRE_TEXT, "there are %d peers already", PEER_LIMIT);
    else
        judge_sender(edge, (struct address){hello->from, hello->rank}, why);
}

static void take_over_run(struct hub *hub, const struct message *message) {
    if (!hub->run[0]) memcpy(hub->run, message->run, sizeof hub->run);
}

static void refuse(struct edge *edge, const struct identity *identity, const struct message *hello, const char *why) {
    struct message *answer = hub_message(edge->hub, MESSAGE_REFUSE);
    if (complaint_due(edge->hub)) warn("edge %s: %s %d is refused: %s", edge->name, hello->from, hello->rank, why);
    message_set_text(answer, "why", why);
    socket_reply(edge, identity, &answer);
}

static void welcome(struct edge *edge, const struct identity *identity, const struct message *hello) {
    take_over_run(edge->hub, hello);
    struct peer *peer = add_peer(edge, identity, hello);
    struct message *answer = hub_message(edge->hub, MESSAGE_WELCOME);
    socket_send(edge, peer, &answer);
    if (!edge->ended) return;
    answer = hub_message(edge->hub, MESSAGE_END);
    socket_send(edge, peer, &answer);
}

// At a ROUTER. A second hello on one connection is a peer whose connection was lost for a moment: what was under way is
// lost with it, which a worker's requests survive and a stateful edge does not.
static void take_hello(struct edge *edge, const struct identity *identity, struct peer *peer,
                       const struct message *hello) {
    char why[WIRE_TEXT];
    if (peer && edge_is_stateful(edge)) {
        lose(edge, peer);
        return;
    }
    if (peer) pull_release(edge, peer);
    judge(edge, hello, why);
    if (why[0])
        refuse(edge, identity, hello, why);
    else
        welcome(edge, identity, hello);
}

// At a DEALER, before it has a peer.
static void take_answer(struct edge *edge, const struct arrival *arrival) {
    const struct message *message = arrival->message;
    struct hub *hub = edge->hub;
    if (message->kind == MESSAGE_WELCOME) {
        take_over_run(hub, message);
        add_peer(edge, &arrival->identity, message);
        edge->lost = false;
    } else if (message->kind == MESSAGE_REFUSE) {
        fail(hub, error(EXIT_USAGE, "edge %s: %s at %s refuses this %s: %s", edge->name, message->from, edge->address,
                        hub->config.role, message_text(message, "why")));
    } else {
        malformed(edge, &arrival->identity, NULL, "a message before welcome");
    }
}

// --- Arrivals

static const char *stateful_deliver(struct edge *edge, const struct peer *peer, struct message **message) {
    const struct unit unit = (*message)->unit;
    const struct wanted same = wanted_data(peer_address(peer), unit.step, unit.microbatch);
    if ((*message)->kind < MESSAGE_DATA) return "a kind that no stage sends here";
    if ((*message)->kind == MESSAGE_DATA && inbox_find(&edge->inbox, &same) >= 0) return "a unit that was sent before";
    inbox_put(&edge->inbox, message);
    return NULL;
}

// A worker's `end` of a unit answers a request; any other closes the sender's side.
static bool says_goodbye(const struct edge *edge, const struct message *message) {
    return message->kind == MESSAGE_END && (edge->manner != EDGE_PULL || message->unit.step < 0);
}

static void take_goodbye(struct edge *edge, struct peer *peer) {
    if (edge->manner == EDGE_PULL)
        remove_peer(edge, peer);
    else
        peer->state = PEER_ENDED;
}

// Takes over what it wants of *message. NULL, or why the message is malformed.
static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    if (strcmp((*message)->from, peer->role) != 0 || (*message)->rank != peer->rank)
        return "the sender is not who said hello";
    if (runs_differ(edge->hub, *message)) return "it belongs to another run";
    if ((*message)->kind == MESSAGE_PROBE) return NULL;
    edge->hub->arrival = edge->hub->clock;
    if (says_goodbye(edge, *message)) {
        take_goodbye(edge, peer);
        return NULL;
    }
    switch (edge->manner) {
    case EDGE_PULL: return pull_deliver(edge, peer, message);
    case EDGE_SERVE: return serve_deliver(edge, message);
    default: return stateful_deliver(edge, peer, message);
    }
}

static void take_arrival(struct edge *edge, struct arrival *arrival) {
    struct peer *peer = find_connection(edge, &arrival->identity);
    const char *reason = arrival->message ? NULL : arrival->reason;
    if (peer && peer->state == PEER_IGNORED) return;
    if (arrival->message) trace_message(edge, "<-", peer ? peer->role : arrival->message->from, arrival->message);
    if (!reason && edge_is_router(edge) && arrival->message->kind == MESSAGE_HELLO) {
        take_hello(edge, &arrival->identity, peer, arrival->message);
    } else if (!reason && !peer && !edge_is_router(edge)) {
        take_answer(edge, arrival);
    } else {
        if (!reason) reason = peer ? deliver(edge, peer, &arrival->message) : "a message before hello";
        if (reason) malformed(edge, &arrival->identity, peer, reason);
    }
}

void edge_receive(struct edge *edge) {
    struct arrival arrival;
    while (socket_receive(edge, &arrival)) {
        take_arrival(edge, &arrival);
        message_free(&arrival.message);
    }
}

// --- Liveness

void edge_unreachable(struct edge *edge, struct peer *peer) {
    peer->unreachable = true;
    // It may have ended properly, or answered, before it went.
    edge_receive(edge);
    for (int i = edge->peer_count; i-- > 0;)
        if (edge->peer[i]->unreachable) lose(edge, edge->peer[i]);
}

void edge_probe(struct edge *edge) {
    if (!edge->socket || !edge_is_router(edge)) return;
    for (int i = edge->peer_count; i-- > 0;) {
        if (edge->peer[i]->unreachable) continue;
        struct message *probe = hub_message(edge->hub, MESSAGE_PROBE);
        if (socket_send(edge, edge->peer[i], &probe)) continue;
        edge_unreachable(edge, edge->peer[i]);
        return; // peers have moved; the next round comes to the rest
    }
}

// A DEALER lost its connection. A worker, or who was not welcomed yet, begins anew.
static void disconnected(struct edge *edge) {
    edge_receive(edge); // it may have ended properly
    struct peer *peer = edge->peer_count ? edge->peer[0] : NULL;
    bool ended = peer && peer->state == PEER_ENDED;
    if (peer) lose(edge, peer);
    if (ended || edge->lost || (peer && edge_is_stateful(edge))) return;
    serve_forget(edge);
    edge->lost = true;
    edge->begin_at = peer ? edge->hub->clock : edge->opened + REOPEN_SECONDS;
}

// With a fresh socket, since messages for the lost peer may be queued in the old one; not too often where a handshake
// fails each time. The old socket connects again by itself, and may be welcomed meanwhile if its hello was not sent
// yet.
static void begin_anew(struct edge *edge) {
    struct hub *hub = edge->hub;
    if (!edge->lost || hub->clock < edge->begin_at) return;
    socket_close(edge, 0);
    int status = socket_open(edge);
    if (status) fail(hub, status);
}

static void key_refused(struct edge *edge) {
    if (complaint_due(edge->hub))
        warn("edge %s: no agreement with %s on keys: both ends need --keys of one folder, and the client's public key "
             "in the server's clients/",
             edge->name, edge->address);
}

void edge_events(struct edge *edge) {
    if (!edge->monitor) return;
    for (int event; (event = socket_event(edge));) {
        if (event == ZMQ_EVENT_DISCONNECTED)
            disconnected(edge);
        else if (edge->endpoint.kind == ENDPOINT_TCP)
            key_refused(edge);
    }
    begin_anew(edge);
}
