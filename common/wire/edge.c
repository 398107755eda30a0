// An edge's life: its peers by name, its links, recordings and copies; sending on it; its end. Public calls of hub.h,
// and what hub.c does to all edges. Arrivals are taken by take.c.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/contact.h"
#include "wire/edge_private.h"
#include "wire/manner.h"
#include "wire/wait.h"

const char *edge_name(const struct edge *edge) {
    return edge->name;
}

bool edge_is_recording(const struct edge *edge) {
    return endpoint_is_recording(&edge->endpoint);
}

bool edge_is_local(const struct edge *edge, struct address peer) {
    const struct peer *found = peer_of(edge, peer);
    if (found) return found->local;
    for (int i = 0; i < edge->link_count; i++)
        if (edge->link[i]->endpoint.kind != ENDPOINT_IPC) return false;
    return edge->link_count;
}

// --- Opening

static void name_peers(struct edge *edge, const struct edge_options *options) {
    edge->group_count = options->peer_count;
    edge->group = xcalloc((size_t)options->peer_count + 1, sizeof *edge->group);
    for (int i = 0; i < options->peer_count; i++) {
        const struct peer_group *peers = &options->peers[i];
        if (strlen(peers->role) >= WIRE_NAME || peers->ranks < 1) bug("edge %s: no peers %s", edge->name, peers->role);
        strcpy(edge->group[i].role, peers->role);
        edge->group[i].ranks = peers->ranks;
    }
}

static struct edge *edge_new(struct hub *hub, const struct edge_options *options) {
    static const struct manner *const manners[] = {
        [EDGE_PULL] = &pull_manner,       [EDGE_SERVE] = &serve_manner, [EDGE_BIND] = &bind_manner,
        [EDGE_CONNECT] = &connect_manner, [EDGE_GUEST] = &guest_manner,
    };
    struct edge *edge = xcalloc(1, sizeof *edge);
    edge->hub = hub;
    edge->name = xstrdup(options->name);
    edge->address = xstrdup(options->address);
    edge->manner = manners[options->manner];
    edge->direction = options->direction;
    edge->window = options->window;
    edge->guests = options->guests;
    edge->lonely_since = hub->clock;
    edge->read_step = -1;
    name_peers(edge, options);
    return edge;
}

static bool stream_is_taken(const struct hub *hub, enum edge_direction direction) {
    for (const struct edge *edge = hub->edges; edge; edge = edge->next)
        if (edge->endpoint.kind == ENDPOINT_STREAM && edge->direction == direction) return true;
    return false;
}

static int open_recording(struct edge *edge) {
    const char *path = edge->endpoint.address;
    if (edge->direction == EDGE_BOTH)
        return error(EXIT_USAGE, "--%s %s: messages go both ways here, so it cannot be a recording", edge->name,
                     edge->address);
    if (edge->endpoint.kind == ENDPOINT_STREAM && stream_is_taken(edge->hub, edge->direction))
        return error(EXIT_USAGE, "--%s -: another edge has %s already", edge->name,
                     edge->direction == EDGE_IN ? "stdin" : "stdout");
    int status =
        edge->direction == EDGE_IN ? recording_open(&edge->recording, path) : recording_create(&edge->recording, path);
    if (status == 0) recording_on_wait(edge->recording, hub_wait_fd, edge);
    return status;
}

const char *edge_copy_path(const struct edge *edge, const char *record) {
    size_t length = strlen(edge->name);
    return strncmp(record, edge->name, length) == 0 && record[length] == '=' ? record + length + 1 : NULL;
}

static int open_copy(struct edge *edge) {
    const struct strings *record = edge->hub->config.record;
    const char *path = NULL;
    if (edge->direction == EDGE_OUT) return 0; // the other end writes what arrives
    for (size_t i = 0; record && i < record->count && !path; i++) path = edge_copy_path(edge, record->item[i]);
    if (!path) return 0;
    int status = recording_create(&edge->copy, path);
    if (status == 0) recording_on_wait(edge->copy, hub_wait_fd, edge);
    return status;
}

static int parse(const struct edge *edge, struct endpoint *endpoint, const char *address) {
    return edge->manner->binds ? endpoint_parse_listener(endpoint, edge->name, address)
                               : endpoint_parse(endpoint, edge->name, address);
}

static int add_link(struct edge *edge, const char *address) {
    struct link *link = xcalloc(1, sizeof *link);
    edge->link = xrealloc_array(edge->link, (size_t)edge->link_count + 1, sizeof *edge->link);
    edge->link[edge->link_count++] = link;
    link->edge = edge;
    link->address = xstrdup(address);
    int status = parse(edge, &link->endpoint, link->address);
    if (status) return status;
    if (endpoint_is_recording(&link->endpoint))
        return error(EXIT_USAGE, "--%s %s: a recording cannot stand beside other addresses", edge->name, address);
    return hello_begin(link);
}

static int open_edge(struct edge *edge) {
    int status = parse(edge, &edge->endpoint, edge->address);
    if (status) return status;
    status = edge_is_recording(edge) ? open_recording(edge) : add_link(edge, edge->address);
    return status ? status : open_copy(edge);
}

int edge_open(struct hub *hub, struct edge **edge, const struct edge_options *options) {
    *edge = NULL;
    if (options->manner == EDGE_PULL && options->window < 1) bug("edge %s has no window", options->name);
    struct edge *opened = edge_new(hub, options);
    int status = open_edge(opened);
    if (status)
        edge_free(opened, 0);
    else
        *edge = opened;
    return status;
}

int edge_connect(struct edge *edge, const char *address) {
    if (edge->manner->binds) bug("edge %s has only one address", edge->name);
    if (edge_is_recording(edge))
        return error(EXIT_USAGE, "--%s %s: a recording cannot stand beside other addresses", edge->name, edge->address);
    edge->lonely_since = edge->hub->clock;
    return add_link(edge, address);
}

int edge_listen(struct edge *edge, const char *address) {
    struct endpoint endpoint;
    int status = endpoint_parse_listener(&endpoint, edge->name, address);
    if (!edge->manner->binds || edge_is_recording(edge)) bug("edge %s listens nowhere", edge->name);
    if (!status) status = socket_protect(edge->hub, edge->link[0]->socket, &endpoint, edge->name, true);
    return status ? status : endpoint_listen(&endpoint, edge->name, edge->link[0]->socket);
}

char *edge_bound(const struct edge *edge) {
    char text[512];
    size_t size = sizeof text;
    if (zmq_getsockopt(edge->link[0]->socket, ZMQ_LAST_ENDPOINT, text, &size))
        bug("edge %s: where it listens: %s", edge->name, zmq_strerror(zmq_errno()));
    return xstrdup(text);
}

// The link stays in the list: who asked there may still be named.
void edge_leave(struct edge *edge, const char *address) {
    for (int i = 0; i < edge->link_count; i++) {
        struct link *link = edge->link[i];
        if (link->left || strcmp(link->address, address)) continue;
        struct peer *peer = peer_of_link(link);
        if (peer) peer_remove(edge, peer);
        serve_forget(edge, link);
        socket_close(link, 0);
        link->left = true;
    }
}

// --- Sending

static int write_message(struct edge *edge, struct message **message) {
    if (edge->direction == EDGE_IN || !edge->recording) bug("edge %s cannot be written now", edge->name);
    hub_pass(edge->hub, 0, NULL); // a stage between two recordings never waits
    int status = edge->hub->failure;
    if (status == 0 && (*message)->kind != MESSAGE_END) { // edge_end writes the only one
        trace_message(edge, "->", (struct address){recording_path(edge->recording), 0}, *message);
        status = recording_write(edge->recording, *message);
        frames_count(*message, 0, &edge->hub->counters.messages_out, &edge->hub->counters.bytes_out);
    }
    message_free(message);
    return status == RECORDING_BROKEN ? HUB_END : status;
}

int edge_send(struct edge *edge, struct address to, struct message **message) {
    char who[ADDRESS_TEXT];
    frames_stamp(edge->hub, *message);
    if (edge_is_recording(edge)) return write_message(edge, message);
    if (edge->manner->name == EDGE_PULL) bug("edge %s: a consumer sends nothing", edge->name);
    if (!peer_is_alone(edge, to)) bug("edge %s: %s is more than one peer", edge->name, address_text(to, who));
    struct peer *peer = peer_of(edge, to);
    bool sent = peer && peer->state == PEER_HERE && frames_send(peer, message);
    message_free(message);
    if (sent || edge->manner->name == EDGE_SERVE) return 0;
    if (peer) liveness_unreachable(edge, peer);
    if (edge->hub->failure) return edge->hub->failure;
    return error(EXIT_PEER, "edge %s: %s is not there to be sent anything", edge->name,
                 to.role ? address_text(to, who) : "the other end");
}

// --- Ending

// Of stateful peers one that ended waits for the answer (hub_part).
static bool hears_end(const struct edge *edge, const struct peer *peer) {
    return peer->state == PEER_HERE || (peer->state == PEER_ENDED && edge->manner->stateful && !peer->unreachable);
}

void edge_say_end(struct edge *edge) {
    for (int i = 0; i < edge->peer_count; i++) {
        if (!hears_end(edge, edge->peer[i])) continue;
        struct message *end = frames_control(MESSAGE_END);
        frames_send(edge->peer[i], &end);
    }
}

static int close_recording(struct recording **recording) {
    if (!*recording) return 0;
    int status = recording_close(recording);
    return status == RECORDING_BROKEN ? 0 : status;
}

int edge_close_copy(struct edge *edge) {
    return close_recording(&edge->copy);
}

int edge_end(struct edge *edge) {
    if (edge->ended) return 0;
    edge->ended = true;
    if (edge->manner->forget) edge->manner->forget(edge);
    edge_say_end(edge);
    return close_recording(&edge->recording);
}

// What a peer that is gone, or never came, was to get is not waited for; nor answers that a consumer needs no more.
static bool nobody_listens(const struct link *link) {
    const struct peer *peer = peer_of_link(link);
    return !link->edge->manner->binds && (!peer || !hears_end(link->edge, peer));
}

static void free_links(struct edge *edge, int linger_ms) {
    for (int i = 0; i < edge->link_count; i++) {
        socket_close(edge->link[i], nobody_listens(edge->link[i]) ? 0 : linger_ms);
        free(edge->link[i]->address);
        free(edge->link[i]);
    }
    free(edge->link);
}

void edge_free(struct edge *edge, int linger_ms) {
    if (edge->manner->forget) edge->manner->forget(edge);
    free_links(edge, linger_ms);
    if (edge->recording) recording_abandon(&edge->recording);
    if (edge->copy) recording_abandon(&edge->copy);
    for (int i = 0; i < edge->peer_count; i++) free(edge->peer[i]);
    free(edge->peer);
    inbox_release(&edge->inbox);
    free(edge->group);
    free(edge->name);
    free(edge->address);
    free(edge);
}
