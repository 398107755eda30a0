// How a connection begins. Who connects says hello: edge, role, rank, run, model's fingerprint. Who binds answers
// welcome, from which on each is a peer of the other, or refuse, with which the other one exits 2. arrivals.c hands
// these messages over; a link that lost its connection greets again through hello_begin.
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "wire/contact.h"
#include "wire/manner.h"

// --- Connecting

// Queued until there is a connection, so that it is the first message on it.
static void say_hello(struct link *link) {
    struct message *hello = frames_control(MESSAGE_HELLO);
    message_set_text(hello, "edge", link->edge->name);
    message_set_int(hello, "fingerprint", (int64_t)link->edge->hub->config.fingerprint);
    message_set_int(hello, "local", link->endpoint.kind == ENDPOINT_IPC);
    message_set_int(hello, "guest", link->edge->manner->name == EDGE_GUEST);
    frames_reply(link, NULL, &hello);
}

int hello_begin(struct link *link) {
    int status = socket_open(link);
    link->lost = false;
    link->opened = link->edge->hub->clock;
    if (status == 0 && !link->edge->manner->binds) say_hello(link);
    return status;
}

static void take_over_run(struct hub *hub, const struct message *message) {
    if (hub->run[0]) return;
    memcpy(hub->run, message->run, sizeof hub->run);
    hub->generation = message->generation;
}

static void take_welcome(struct link *link, const struct message *message) {
    static const struct identity other_end = {.size = 0};
    struct edge *edge = link->edge;
    char why[WIRE_TEXT];
    take_over_run(edge->hub, message);
    if (edge->manner->name == EDGE_GUEST) edge->hub->generation = message->generation;
    link->lost = false; // a socket whose hello was not sent yet connects again by itself
    if (peer_is_unexpected(edge, (struct address){message->from, message->rank}, why))
        hub_fail(edge->hub, error(EXIT_USAGE, "--%s %s: %s %d answers there: %s", edge->name, link->address,
                                  message->from, message->rank, why));
    else
        peer_add(link, &other_end, message);
}

static void take_refusal(const struct link *link, const struct message *message) {
    struct hub *hub = link->edge->hub;
    hub_fail(hub,
             error(EXIT_USAGE, "edge %s: %s %d at %s refuses %s %d: %s", link->edge->name, message->from, message->rank,
                   link->address, hub->config.role, hub->config.rank, message_text(message, "why")));
}

const char *hello_take_answer(struct link *link, const struct message *message) {
    if (message->kind == MESSAGE_WELCOME)
        take_welcome(link, message);
    else if (message->kind == MESSAGE_REFUSE)
        take_refusal(link, message);
    else
        return "a message before welcome";
    return NULL;
}

// --- Binding

bool hello_of_another_run(const struct hub *hub, const struct message *message) {
    return hub->run[0] && message->run[0] && strcmp(hub->run, message->run) != 0;
}

// A run has one generation at a time; who knows of no run takes over both.
int64_t hello_generations_behind(const struct hub *hub, const struct message *message) {
    return hub->run[0] && message->run[0] ? hub->generation - message->generation : 0;
}

static int64_t number_of(const struct message *hello, const char *name, int64_t otherwise) {
    for (int i = 0; i < hello->field_count; i++)
        if (strcmp(hello->field[i].name, name) == 0) return hello->field[i].integer;
    return otherwise;
}

static bool fingerprints_differ(const struct hub *hub, const struct message *hello) {
    const int64_t theirs = number_of(hello, "fingerprint", 0);
    return theirs && hub->config.fingerprint && (uint64_t)theirs != hub->config.fingerprint;
}

// Guests outlive generations.
static bool is_guest(const struct edge *edge, const struct message *hello) {
    return edge->guests && number_of(hello, "guest", 0);
}

// Why this hello is refused, in words that name both sides.
static bool is_refused(const struct edge *edge, const struct message *hello, char why[WIRE_TEXT]) {
    const struct hub *hub = edge->hub;
    const char *name = message_text(hello, "edge"), *own = hub->config.role;
    why[0] = 0;
    if (hello->version != WIRE_VERSION)
        snprintf(why, WIRE_TEXT, "it speaks wire version %d, %s speaks %d", hello->version, own, WIRE_VERSION);
    else if (strcmp(name, edge->name) != 0)
        snprintf(why, WIRE_TEXT, "this is edge %s of %s, not %s", edge->name, own, name);
    else if (hello_of_another_run(hub, hello))
        snprintf(why, WIRE_TEXT, "it belongs to run %s, %s to run %s", hello->run, own, hub->run);
    else if (hello_generations_behind(hub, hello) && !is_guest(edge, hello))
        snprintf(why, WIRE_TEXT, "it belongs to generation %lld of the run, %s to %lld", (long long)hello->generation,
                 own, (long long)hub->generation);
    else if (fingerprints_differ(hub, hello))
        snprintf(why, WIRE_TEXT, "its model differs from that of %s: give both the same configuration", own);
    else if (edge->peer_count >= PEER_LIMIT)
        snprintf(why, WIRE_TEXT, "there are %d peers already", PEER_LIMIT);
    else if (is_guest(edge, hello))
        guests_refuse(edge, hello, why);
    else
        peer_is_unexpected(edge, (struct address){hello->from, hello->rank}, why);
    return why[0];
}

static void refuse(struct link *link, const struct identity *identity, const struct message *hello, const char *why) {
    struct message *answer = frames_control(MESSAGE_REFUSE);
    if (complaint_due(link->edge->hub))
        warn("edge %s: %s %d is refused: %s", link->edge->name, hello->from, hello->rank, why);
    message_set_text(answer, "why", why);
    frames_reply(link, identity, &answer);
}

// Who comes when this end has said `end` already shall hear it too.
static void welcome(struct link *link, const struct identity *identity, const struct message *hello) {
    take_over_run(link->edge->hub, hello);
    struct peer *peer = peer_add(link, identity, hello);
    struct message *answer = frames_control(MESSAGE_WELCOME);
    peer->local = number_of(hello, "local", peer->local);
    peer->guest = is_guest(link->edge, hello);
    frames_send(peer, &answer);
    if (peer->guest) guests_greet(link->edge, peer);
    if (!link->edge->ended) return;
    answer = frames_control(MESSAGE_END);
    frames_send(peer, &answer);
}

// A second hello on one connection is a peer whose connection was lost for a moment, and with it what was under way. A
// worker is asked again, so it is greeted like any other; a stateful edge does not survive it.
void hello_take(struct link *link, const struct identity *identity, struct peer *peer, const struct message *hello) {
    struct edge *edge = link->edge;
    char why[WIRE_TEXT];
    const bool guest = peer && peer->guest;
    if (peer && peer->state != PEER_ENDED) edge->manner->lost(edge, peer);
    if (peer && edge->manner->stateful && !guest) return;
    if (is_refused(edge, hello, why))
        refuse(link, identity, hello, why);
    else
        welcome(link, identity, hello);
}
