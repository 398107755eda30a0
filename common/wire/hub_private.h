// What the hub's files share: a hub, its edges, their links and peers. Each file calls only files further down:
//
//   hub.c         a hub's life
//   edge.c        an edge's life: opening, sending, ending
//   take.c        edge_take, edge_ready, edge_next_ask
//   wait.c        the poll loop, watches, deadlines
//   liveness.c    probes, connections lost and begun anew
//   arrivals.c    what arrived, and what is malformed
//   hello.c       hello, welcome, refuse
//   pull.c, serve.c, stateful.c, guests.c     the manners of edges (manner.h)
//   peer.c        the peers of an edge, and who is missing
//   frames.c      multipart messages on a link
//   socket.c      the socket of a link              keys.c   CURVE
//   trace.c       COCA_TRACE, complaints            inbox.c  arrivals not yet taken
//
// Beside them clients.c, a socket for strangers, behind the gate (gate.c, flow.c, zmtp.c).
#pragma once

#include "wire/hub.h"
#include "wire/inbox.h"
#include "wire/keys.h"
#include "wire/recording.h"

#define IDENTITY_LIMIT 255 // ZeroMQ's
#define PEER_LIMIT 4096    // at one edge

// A connection as the ROUTER knows it; `size` 0 for the one peer of a DEALER.
struct identity {
    size_t size;
    unsigned char bytes[IDENTITY_LIMIT];
};

// One socket at one address. An edge that binds has one, which all its peers come to; an edge that connects has one for
// each address, since a DEALER on two ROUTERs would deal its messages to both.
struct link {
    struct edge *edge;
    char *address;
    struct endpoint endpoint;
    void *socket, *monitor; // a monitor only at a DEALER
    bool left;              // given up: no socket, and never again
    double opened;          // hub's clock: the socket
    bool lost;              // a DEALER's connection; it begins anew at `begin_at`
    double begin_at;
    char consumer[WIRE_NAME], shares[WIRE_NAME]; // of EDGE_SERVE: who asked here last, and the backend it opens
    int consumer_rank;
};

// From its hello or welcome on, a peer stands in the edge's list, HERE. What then happens depends on what it is to the
// edge (its manner, manner.h):
//
//                     of a worker          of the consumer                  of a stateful peer
//   `end`             it is removed        ENDED                            ENDED, and what it sent before is taken
//   connection lost   it is removed        it is removed, the link greets   the run ends, unless either end has ended
//                                          again
//   malformed         IGNORED              the run ends                     the run ends
//
// ENDED stays, so that waits know that nothing comes any more. IGNORED stays, so that the connection is known as one
// that nothing is read from; it is asked nothing, and counts as missing.
enum peer_state { PEER_HERE, PEER_IGNORED, PEER_ENDED };

struct peer {
    struct link *link;
    struct identity identity;
    char role[WIRE_NAME];
    int rank;
    enum peer_state state;
    bool guest;         // at a stateful edge: not awaited, and no loss
    bool local;         // came by ipc
    bool unreachable;   // a message could not be delivered: liveness.c finds out whether it is lost
    int outstanding;    // of a worker: requests it has not answered
    uint64_t asked_nth; // of a worker: its last request's place among all; the smallest is asked first
};

static inline struct address peer_address(const struct peer *peer) {
    return (struct address){peer->role, peer->rank};
}

// A unit that a pulled edge wants; listed from edge_want to edge_take.
enum request_state { REQUEST_OPEN, REQUEST_ASKED, REQUEST_ANSWERED, REQUEST_BEYOND };
struct request {
    struct request *next;
    struct unit unit;
    char role[WIRE_NAME]; // "" for any
    enum request_state state;
    struct peer *peer;       // ASKED: of whom
    double asked_at;         // ASKED: on the hub's clock
    struct message *message; // ANSWERED
};

// Units asked of a worker and not yet handed to the stage, in order of arrival.
struct asks {
    struct {
        struct unit unit;
        struct link *link;
    } * item; // [count]
    int count, capacity;
    struct link *handed; // whose was handed over last, or NULL
};

// Ranks of a role that are awaited: peer_group of hub.h, owned.
struct group {
    char role[WIRE_NAME];
    int ranks;
};

struct edge {
    struct hub *hub;
    struct edge *next;
    char *name, *address;     // the first address, as it was given
    struct endpoint endpoint; // of it
    const struct manner *manner;
    enum edge_direction direction;
    int window;
    const char *shares; // of EDGE_PULL, or NULL
    struct group *group;
    int group_count;
    const struct guests *guests; // or NULL

    struct link **link;
    int link_count;
    struct recording *recording; // instead of links
    bool read_out;               // the recording was read up to its end
    int64_t read_step;           // of the last message read from it
    int32_t read_microbatches;   // M of that step, 0 where unknown
    struct recording *copy;      // --record

    struct peer **peer;
    int peer_count, peer_capacity;
    double lonely_since; // hub's clock: opened, or a peer was lost
    bool ended;          // by us

    struct inbox inbox; // of stateful edges and recordings
    struct request *requests;
    struct asks asks;
};

struct watch {
    int fd;
    int (*callback)(void *context);
    void *context;
};

struct hub {
    struct hub_config config;
    char run[WIRE_RUN]; // the configured one, or taken over from a peer
    int64_t generation; // the same
    void *context;
    struct keys keys;
    struct edge *edges;
    struct watch *watches;
    int watch_count;

    double clock;   // seconds waited so far
    double arrival; // clock at the last arrival
    double probed;  // clock at the last probe
    int failure;    // reported; every wait returns it
    int interrupt;  // of a watch; the next wait returns it
    uint64_t asks;  // requests sent so far
    int monitors;   // opened so far
    bool trace;
    double complained; // real time of the last complaint about a message
    int unsaid;        // complaints since
    struct hub_counters counters;
};

// The first failure is the one that waits return.
static inline void hub_fail(struct hub *hub, int status) {
    if (!hub->failure) hub->failure = status;
}

// --- trace.c
void trace_message(const struct edge *edge, const char *direction, struct address peer, const struct message *message);
// Logs at most a line a second; true when this one may be said.
bool complaint_due(struct hub *hub);
const char *identity_text(const struct identity *identity, char text[2 * IDENTITY_LIMIT + 1]);
