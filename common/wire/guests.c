// Guests of a stateful edge: processes that come to ask, and go, beside the stages that it names. At the end that binds
// they are greeted, answered by whoever opened the edge, and forgotten; stateful.c hands their messages over. At their
// own end what they are told waits to be taken, and ends the wait that meets it. Called through the table of manners,
// and from hello.c.
#include <stdio.h>
#include <string.h>

#include "wire/link.h"
#include "wire/manner.h"

// --- The end that binds

static int count(const struct edge *edge) {
    int guests = 0;
    for (int i = 0; i < edge->peer_count; i++) guests += edge->peer[i]->guest;
    return guests;
}

// A role that is awaited could be taken for the stage itself.
static bool is_awaited(const struct edge *edge, const char *role) {
    for (int i = 0; i < edge->group_count; i++)
        if (strcmp(edge->group[i].role, role) == 0) return true;
    return false;
}

void guests_refuse(const struct edge *edge, const struct message *hello, char why[WIRE_TEXT]) {
    if (is_awaited(edge, hello->from))
        snprintf(why, WIRE_TEXT, "%s is a stage of the run, and no guest", hello->from);
    else if (count(edge) >= edge->guests->most)
        snprintf(why, WIRE_TEXT, "there are %d guests already", edge->guests->most);
}

static void send(struct peer *peer, struct message *message) {
    if (message && !frames_send(peer, &message)) peer->unreachable = true;
}

void guests_greet(struct edge *edge, struct peer *peer) {
    send(peer, edge->guests->news(edge->guests->context));
}

void edge_tell_guests(struct edge *edge) {
    for (int i = 0; i < edge->peer_count; i++)
        if (edge->peer[i]->guest && edge->peer[i]->state == PEER_HERE) guests_greet(edge, edge->peer[i]);
}

const char *guests_deliver(struct edge *edge, struct peer *peer, const struct message *message) {
    if (message->kind == MESSAGE_END) {
        if (!edge->ended)
            send(peer, frames_control(MESSAGE_END)); // it waits for one, and closes with nothing under way
        peer_remove(edge, peer);
        return NULL;
    }
    if (message->kind != MESSAGE_TOLD) return "a guest only asks and ends";
    send(peer, edge->guests->answer(edge->guests->context, message));
    return NULL;
}

// --- The guest

static const char *deliver(struct edge *edge, struct peer *peer, struct message **message) {
    const bool ends = (*message)->kind == MESSAGE_END;
    if (!ends && (*message)->kind != MESSAGE_TOLD) return "a kind that no guest is sent";
    if (ends)
        peer->state = PEER_ENDED;
    else
        inbox_put(&edge->inbox, message);
    edge->hub->interrupt = HUB_NEWS;
    return NULL;
}

// It may come back, and the link greets anew.
static void lost(struct edge *edge, struct peer *peer) {
    peer_remove(edge, peer);
    edge->hub->interrupt = HUB_NEWS;
}

const struct manner guest_manner = {
    .name = EDGE_GUEST,
    .deliver = deliver,
    .lost = lost,
    .misses = peer_is_missing,
};
