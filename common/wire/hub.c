#include "wire/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/hub_private.h"

enum { ABANDON_LINGER_MS = 500 };

struct hub *hub_new(const struct hub_config *config) {
    struct hub *hub = xcalloc(1, sizeof *hub);
    const char *trace = getenv("COCA_TRACE");
    if (strlen(config->role) >= WIRE_NAME || strlen(config->run) >= WIRE_RUN)
        bug("role %s or run id %s is too long", config->role, config->run);
    hub->config = *config;
    strcpy(hub->run, config->run);
    hub->keys.folder = config->keys;
    hub->trace = trace && *trace && strcmp(trace, "0") != 0;
    hub->context = zmq_ctx_new();
    if (!hub->context)
        die(EXIT_RUN, "no context of ZeroMQ: %s; raise the limit on open files (ulimit -n)", zmq_strerror(zmq_errno()));
    return hub;
}

// --- Opening edges

const char *edge_name(const struct edge *edge) {
    return edge->name;
}

bool edge_is_local(const struct edge *edge) {
    return edge->endpoint.kind == ENDPOINT_IPC;
}

bool edge_is_recording(const struct edge *edge) {
    return endpoint_is_recording(&edge->endpoint);
}

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
    struct edge *edge = xcalloc(1, sizeof *edge);
    edge->hub = hub;
    edge->name = xstrdup(options->name);
    edge->address = xstrdup(options->address);
    edge->manner = options->manner;
    edge->window = options->window;
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

// The FILE of "EDGE=FILE", NULL when EDGE is not this one's name.
static const char *copy_path(const char *record, const struct edge *edge) {
    size_t length = strlen(edge->name);
    return strncmp(record, edge->name, length) == 0 && record[length] == '=' ? record + length + 1 : NULL;
}

static int open_copy(struct edge *edge) {
    const struct strings *record = edge->hub->config.record;
    const char *path = NULL;
    if (edge->direction == EDGE_OUT) return 0; // the other end writes what arrives
    for (size_t i = 0; record && i < record->count && !path; i++) path = copy_path(record->item[i], edge);
    if (!path) return 0;
    int status = recording_create(&edge->copy, path);
    if (status == 0) recording_on_wait(edge->copy, hub_wait_fd, edge);
    return status;
}

static int open_edge(struct edge *edge) {
    int status = endpoint_parse(&edge->endpoint, edge->name, edge->address);
    if (status) return status;
    status = endpoint_is_recording(&edge->endpoint) ? open_recording(edge) : socket_open(edge);
    return status ? status : open_copy(edge);
}

// What a peer that ended, or never came, was to get is not waited for.
static bool nobody_listens(const struct edge *edge) {
    return !edge_is_router(edge) && (edge->peer_count == 0 || edge->peer[0]->state == PEER_ENDED);
}

static void edge_free(struct edge *edge, int linger_ms) {
    socket_close(edge, nobody_listens(edge) ? 0 : linger_ms);
    if (edge->recording) recording_abandon(&edge->recording);
    if (edge->copy) recording_abandon(&edge->copy);
    for (int i = 0; i < edge->peer_count; i++) free(edge->peer[i]);
    free(edge->peer);
    pull_forget(edge);
    serve_forget(edge);
    inbox_release(&edge->inbox);
    free(edge->group);
    free(edge->name);
    free(edge->address);
    free(edge);
}

int hub_edge(struct hub *hub, struct edge **edge, const struct edge_options *options) {
    struct edge *opened = edge_new(hub, options);
    opened->direction = options->direction;
    *edge = NULL;
    if (options->manner == EDGE_PULL && options->window < 1) bug("edge %s has no window", options->name);
    int status = open_edge(opened);
    if (status) {
        edge_free(opened, 0);
        return status;
    }
    opened->next = hub->edges;
    hub->edges = *edge = opened;
    return 0;
}

// --- Sending

void hub_stamp(const struct hub *hub, struct message *message) {
    memcpy(message->run, hub->run, sizeof message->run);
    strcpy(message->from, hub->config.role);
    message->rank = hub->config.rank;
    message->generation = 0;
}

struct message *hub_message(const struct hub *hub, enum message_kind kind) {
    struct message *message = message_new(kind, (struct unit){.step = -1, .microbatch = -1});
    hub_stamp(hub, message);
    return message;
}

static int write_message(struct edge *edge, struct message **message) {
    if (edge->direction == EDGE_IN || !edge->recording) bug("edge %s cannot be written now", edge->name);
    hub_pass(edge->hub, 0, NULL); // a stage between two recordings never waits
    int status = edge->hub->failure;
    if (status == 0 && (*message)->kind != MESSAGE_END) { // edge_end writes the only one
        trace_message(edge, "->", recording_path(edge->recording), *message);
        status = recording_write(edge->recording, *message);
        count_message(*message, 0, &edge->hub->counters.messages_out, &edge->hub->counters.bytes_out);
    }
    message_free(message);
    return status == RECORDING_BROKEN ? HUB_END : status;
}

int edge_send(struct edge *edge, struct address to, struct message **message) {
    char who[ADDRESS_TEXT];
    hub_stamp(edge->hub, *message);
    if (edge_is_recording(edge)) return write_message(edge, message);
    if (edge->manner == EDGE_PULL) bug("edge %s: a consumer sends nothing", edge->name);
    struct peer *peer = edge_peer(edge, to);
    bool sent = peer && peer->state == PEER_HERE && socket_send(edge, peer, message);
    message_free(message);
    if (sent || edge->manner == EDGE_SERVE) return 0;
    if (peer) edge_unreachable(edge, peer);
    if (edge->hub->failure) return edge->hub->failure;
    return error(EXIT_PEER, "edge %s: %s is not there to be sent anything", edge->name,
                 to.role ? address_text(to, who) : "the other end");
}

// --- Ending

static void say_end(struct edge *edge) {
    for (int i = 0; i < edge->peer_count; i++) {
        if (edge->peer[i]->state != PEER_HERE) continue;
        struct message *end = hub_message(edge->hub, MESSAGE_END);
        socket_send(edge, edge->peer[i], &end);
    }
}

static int close_recording(struct recording **recording) {
    if (!*recording) return 0;
    int status = recording_close(recording);
    return status == RECORDING_BROKEN ? 0 : status;
}

int edge_end(struct edge *edge) {
    if (edge->ended) return 0;
    edge->ended = true;
    pull_forget(edge);
    if (edge->socket) say_end(edge);
    return close_recording(&edge->recording);
}

// --- The end

static void check_copies(const struct hub *hub) {
    const struct strings *record = hub->config.record;
    for (size_t i = 0; record && i < record->count; i++) {
        bool known = false;
        for (const struct edge *edge = hub->edges; edge; edge = edge->next)
            known |= copy_path(record->item[i], edge) != NULL;
        if (!known) warn("--record %s: this stage opened no such edge", record->item[i]);
    }
}

static void hub_free(struct hub **hub, int linger_ms) {
    while ((*hub)->edges) {
        struct edge *edge = (*hub)->edges;
        (*hub)->edges = edge->next;
        edge_free(edge, linger_ms);
    }
    while (zmq_ctx_term((*hub)->context) && zmq_errno() == EINTR) continue;
    keys_release(&(*hub)->keys);
    free((*hub)->watches);
    free(*hub);
    *hub = NULL;
}

int hub_close(struct hub **hub) {
    int status = 0;
    hub_pass(*hub, 0, NULL); // who says hello just now shall hear the end too
    check_copies(*hub);
    for (struct edge *edge = (*hub)->edges; edge; edge = edge->next) {
        int ended = edge_end(edge), copied = close_recording(&edge->copy);
        if (status == 0) status = ended ? ended : copied;
    }
    hub_free(hub, -1);
    return status;
}

void hub_abandon(struct hub **hub) {
    for (struct edge *edge = (*hub)->edges; edge; edge = edge->next)
        if (edge->manner == EDGE_PULL && edge->socket && !edge->ended) say_end(edge);
    hub_free(hub, ABANDON_LINGER_MS);
}

struct hub_counters hub_counters(const struct hub *hub) {
    return hub->counters;
}
