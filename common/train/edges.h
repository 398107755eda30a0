// A stage's edges, opened as its row of the table says, and who is at their other ends.
//
// Where the end that binds has R > 1 ranks, rank r listens at the address with ".r" behind an ipc path, or r added to a
// tcp port, and every other end connects to all of them. In a run over hosts (train/meeting.h) edges need no address:
// who binds listens at ipc://sockets/EDGE.RANK, where there is a run directory, and at a free tcp port besides.
#pragma once

#include "train/meeting.h"
#include "train/topology.h"

enum { STAGE_EDGES = 12 };

// One edge as a stage has it.
struct channel {
    struct edge *edge; // NULL: left out
    struct peer_group
        peer[TOPOLOGY_STAGES]; // [peers]; none where workers, a consumer that asks or a recording are there
    int peers;
    const struct address *asker; // of an edge that is served: whose request is being answered; else NULL
};
// Whose microbatch m is at the other end, where stages of one role are there; else anybody.
struct address channel_address(const struct channel *channel, int microbatch, int microbatches);
int channel_send(const struct channel *channel, int microbatch, int microbatches, struct message **message);

struct edges {
    struct hub *hub;
    const struct stage_row *row;
    const struct topology *topology;
    const struct run *run;
    bool trains;
    struct address asker; // the follower's to say; ANYBODY while one consumer is there
    struct {
        const struct stage_edge *of;
        struct channel channel;
    } item[STAGE_EDGES];
    int count;
    struct meeting *meeting; // of a run over hosts, else NULL; edges_close
};

// Opens `list`, all at once: the row's own edges or those of another manner of working. Under a conductor (--control)
// all that the run has, and their addresses are needed. Without, those that have an address: what goes out is then
// served to a consumer that asks, or recorded, and only the address of what is pulled or served by `list` is needed.
// Over hosts it returns when every stage has told where it listens. 0 or -exit_code.
int edges_open(struct edges *edges, const struct stage_edge *list, int count);
void edges_close(struct edges *edges); // of the conductor, after its hub; the edges are the hub's

struct channel edges_channel(const struct edges *edges, const char *name); // one that was left out has no edge

// Without a conductor the output that a consumer asks for: the one that is a socket, or NULL. -EXIT_USAGE when two are.
int edges_served(const struct edges *edges, struct edge **served);
