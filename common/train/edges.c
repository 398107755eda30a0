// From rows of the table to sockets. The stage asks for its channels by name afterwards; which manner an edge has, whom
// it awaits and whether it is there at all is decided here alone.
#include "train/edges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

// ---- channels

struct address channel_address(const struct channel *channel, int microbatch, int microbatches) {
    if (channel->asker) return *channel->asker;
    if (channel->peers != 1) return ANYBODY;
    const struct peer_group *peer = &channel->peer[0];
    return (struct address){peer->role, owner_of(microbatch, microbatches, peer->ranks)};
}

int channel_send(const struct channel *channel, int microbatch, int microbatches, struct message **message) {
    return edge_send(channel->edge, channel_address(channel, microbatch, microbatches), message);
}

struct channel edges_channel(const struct edges *edges, const char *name) {
    for (int i = 0; i < edges->count; i++)
        if (!strcmp(edges->item[i].of->name, name)) return edges->item[i].channel;
    return (struct channel){.edge = NULL};
}

// ---- opening

static bool is_conducted(const struct edges *edges) {
    return edges->run->options.control;
}

// Without a conductor there are no peers to meet: what would be pushed is served to whoever asks, and what would be
// pushed here can only come from a recording, for which the manner does not matter.
static enum edge_manner manner_of(const struct edges *edges, const struct stage_edge *edge) {
    bool pushed = edge->manner == EDGE_BIND || edge->manner == EDGE_CONNECT;
    return pushed && !is_conducted(edges) && edge->direction == EDGE_OUT ? EDGE_SERVE : edge->manner;
}

// The ranks of the stage that asks for what is served: the one that the edge goes into.
static int askers(const struct edges *edges, const struct stage_edge *edge) {
    for (int i = 0; i < edges->topology->count; i++) {
        const struct stage_edge *other = stage_edge(edges->topology->stage[i].row, edge->name);
        if (other && other->direction == EDGE_IN) return edges->topology->stage[i].ranks;
    }
    return 1;
}

static bool serves(const struct edges *edges, const struct stage_edge *edge) {
    return manner_of(edges, edge) == EDGE_SERVE;
}

static bool binds(const struct edges *edges, const struct stage_edge *edge) {
    return (edge->manner == EDGE_BIND || edge->manner == EDGE_PULL) && !serves(edges, edge);
}

// The ranks of the end that binds.
static int listeners(const struct edges *edges, const struct stage_edge *edge, const struct channel *channel) {
    const int own = topology_ranks(edges->topology, edges->row->role);
    if (serves(edges, edge)) return askers(edges, edge);
    if (binds(edges, edge)) return own ? own : 1;
    return channel->peers ? channel->peer[0].ranks : 1;
}

static int open_at(struct edges *edges, const struct stage_edge *edge, struct channel *channel, const char *address) {
    const bool guests = edges->meeting && edges->row->conducts && !strcmp(edge->name, "control");
    const struct edge_options options = {.name = edge->name,
                                         .address = address,
                                         .manner = manner_of(edges, edge),
                                         .direction = edge->direction,
                                         .window = edge->manner == EDGE_PULL ? (int)edges->run->options.window : 0,
                                         .peers = channel->peer,
                                         .peer_count = channel->peers,
                                         .guests = guests ? &edges->meeting->guests : NULL};
    return hub_edge(edges->hub, &channel->edge, &options);
}

static struct address self(const struct edges *edges) {
    return (struct address){edges->row->role, hub_rank(edges->hub)};
}

// What was given is told to the others, too.
static void note_given(struct edges *edges, const struct stage_edge *edge, const struct channel *channel,
                       const char *address) {
    if (!edges->meeting || !binds(edges, edge) || edge_is_recording(channel->edge)) return;
    const bool tcp = text_begins(address, "tcp://");
    meeting_note(edges->meeting, self(edges), edge->name, tcp ? NULL : address, tcp ? address : NULL);
}

static int open_given(struct edges *edges, const struct stage_edge *edge, struct channel *channel,
                      const char *address) {
    int ranks = listeners(edges, edge, channel);
    char *first = endpoint_of_rank(address, binds(edges, edge) ? hub_rank(edges->hub) : 0, ranks);
    int status = open_at(edges, edge, channel, first);
    if (!status) note_given(edges, edge, channel, first);
    free(first);
    for (int rank = 1; rank < ranks && !binds(edges, edge) && !status; rank++) {
        char *more = endpoint_of_rank(address, rank, ranks);
        status = edge_connect(channel->edge, more);
        free(more);
    }
    return status;
}

// ---- over hosts

static int open_both(struct edges *edges, const struct stage_edge *edge, struct channel *channel, const char *ipc) {
    int status = open_at(edges, edge, channel, ipc ? ipc : edges->meeting->listen);
    if (!status && ipc) status = edge_listen(channel->edge, edges->meeting->listen);
    if (status) return status;
    char *tcp = edge_bound(channel->edge);
    meeting_note(edges->meeting, self(edges), edge->name, ipc, tcp);
    free(tcp);
    return 0;
}

static int open_listener(struct edges *edges, const struct stage_edge *edge, struct channel *channel) {
    const bool in_run = directory_exists("sockets");
    char *ipc = in_run ? xformat("ipc://sockets/%s.%d", edge->name, hub_rank(edges->hub)) : NULL;
    int status = open_both(edges, edge, channel, ipc);
    free(ipc);
    return status;
}

static int connect_to(struct edges *edges, const struct stage_edge *edge, struct channel *channel, int rank) {
    char *address = meeting_address(edges->meeting, channel->peer[0].role, rank, edge->name);
    if (!address) return -EXIT_PEER;
    int status = rank ? edge_connect(channel->edge, address) : open_at(edges, edge, channel, address);
    free(address);
    return status;
}

// Those that were left open by open_listed.
static int connect_all(struct edges *edges) {
    int status = 0;
    for (int i = 0; i < edges->count; i++) {
        struct channel *channel = &edges->item[i].channel;
        if (channel->edge) continue;
        for (int rank = 0; rank < channel->peer[0].ranks && !status; rank++)
            status = connect_to(edges, edges->item[i].of, channel, rank);
    }
    return status;
}

static int meet(struct edges *edges) {
    struct edge *control = edges_channel(edges, "control").edge;
    int status = edges->row->conducts ? meeting_hold(edges->meeting, control, edges->topology)
                                      : meeting_attend(edges->meeting, control);
    if (!status) status = connect_all(edges);
    if (!edges->row->conducts) meeting_free(&edges->meeting);
    return status;
}

// ---- all

// Over hosts, an end that connects stays without an edge until it is known where to.
static int open_channel(struct edges *edges, const struct stage_edge *edge, struct channel *channel) {
    const char *address = run_address(edges->run, edge->name);
    if (address) return open_given(edges, edge, channel, address);
    return binds(edges, edge) ? open_listener(edges, edge, channel) : 0;
}

static int open_listed(struct edges *edges, const struct stage_edge *edge) {
    const char *address = run_address(edges->run, edge->name);
    bool pushed = edge->manner == EDGE_BIND || edge->manner == EDGE_CONNECT;
    struct channel channel = {.asker = serves(edges, edge) ? &edges->asker : NULL};
    if (pushed && is_conducted(edges)) {
        channel.peers = topology_peers(edges->topology, edges->row, edge, edges->run, edges->trains, channel.peer);
        if (!channel.peers) return 0;
    }
    const bool found = edges->meeting && (pushed || edge->manner == EDGE_PULL);
    if (!address && !found && (is_conducted(edges) || !pushed))
        return error(EXIT_USAGE, "--%s ADDRESS is needed", edge->name);
    if (!address && !found) return 0;
    int status = open_channel(edges, edge, &channel);
    if (edges->count == STAGE_EDGES) bug("more than %d edges", STAGE_EDGES);
    edges->item[edges->count].of = edge;
    edges->item[edges->count++].channel = channel;
    return status;
}

int edges_open(struct edges *edges, const struct stage_edge *list, int count) {
    int status = meeting_is_asked(edges->run) ? meeting_begin(&edges->meeting, edges->run) : 0;
    edges->asker = ANYBODY;
    for (int i = 0; i < count && !status; i++) status = open_listed(edges, &list[i]);
    return status || !edges->meeting ? status : meet(edges);
}

void edges_close(struct edges *edges) {
    meeting_free(&edges->meeting);
}

int edges_served(const struct edges *edges, struct edge **served) {
    *served = NULL;
    for (int i = 0; i < edges->count && !is_conducted(edges); i++) {
        struct edge *edge = edges->item[i].channel.edge;
        if (edges->item[i].of->direction != EDGE_OUT || edge_is_recording(edge)) continue;
        if (*served)
            return error(EXIT_USAGE, "%s and %s cannot both be asked for: give one of them a socket",
                         edge_name(*served), edge_name(edge));
        *served = edge;
    }
    return 0;
}
