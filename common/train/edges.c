// From rows of the table to sockets. The stage asks for its channels by name afterwards; which manner an edge has, whom
// it awaits and whether it is there at all is decided here alone.
#include "train/edges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

// ---- channels

struct address channel_address(const struct channel *channel, int microbatch, int microbatches) {
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

static bool binds(const struct stage_edge *edge) {
    return edge->manner == EDGE_BIND || edge->manner == EDGE_PULL;
}

// The ranks of the end that binds. Without a conductor a stage is one process.
static int listeners(const struct edges *edges, const struct stage_edge *edge, const struct channel *channel) {
    if (!is_conducted(edges)) return 1;
    if (binds(edge)) return topology_ranks(edges->topology, edges->row->role);
    return edge->manner == EDGE_CONNECT && channel->peers ? channel->peer[0].ranks : 1;
}

static int open_at(struct edges *edges, const struct stage_edge *edge, struct channel *channel, const char *address) {
    const struct edge_options options = {.name = edge->name,
                                         .address = address,
                                         .manner = manner_of(edges, edge),
                                         .direction = edge->direction,
                                         .window = edge->manner == EDGE_PULL ? (int)edges->run->options.window : 0,
                                         .peers = channel->peer,
                                         .peer_count = channel->peers};
    return hub_edge(edges->hub, &channel->edge, &options);
}

static int open_channel(struct edges *edges, const struct stage_edge *edge, struct channel *channel,
                        const char *address) {
    int ranks = listeners(edges, edge, channel);
    char *first = endpoint_of_rank(address, binds(edge) ? hub_rank(edges->hub) : 0, ranks);
    int status = open_at(edges, edge, channel, first);
    free(first);
    for (int rank = 1; rank < ranks && edge->manner == EDGE_CONNECT && !status; rank++) {
        char *more = endpoint_of_rank(address, rank, ranks);
        status = edge_connect(channel->edge, more);
        free(more);
    }
    return status;
}

static int open_listed(struct edges *edges, const struct stage_edge *edge) {
    const char *address = run_address(edges->run, edge->name);
    bool pushed = edge->manner == EDGE_BIND || edge->manner == EDGE_CONNECT;
    struct channel channel = {.edge = NULL};
    if (pushed && is_conducted(edges)) {
        channel.peers = topology_peers(edges->topology, edges->row, edge, edges->run, edges->trains, channel.peer);
        if (!channel.peers) return 0;
    }
    if (!address && (is_conducted(edges) || !pushed)) return error(EXIT_USAGE, "--%s ADDRESS is needed", edge->name);
    if (!address) return 0;
    int status = open_channel(edges, edge, &channel, address);
    if (edges->count == STAGE_EDGES) bug("more than %d edges", STAGE_EDGES);
    edges->item[edges->count].of = edge;
    edges->item[edges->count++].channel = channel;
    return status;
}

int edges_open(struct edges *edges, const struct stage_edge *list, int count) {
    int status = 0;
    for (int i = 0; i < count && !status; i++) status = open_listed(edges, &list[i]);
    return status;
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
