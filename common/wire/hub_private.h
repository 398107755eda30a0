// What the hub's files share.
//
//   hub.c     its life, its edges, sending          wait.c   the poll loop, watches, deadlines
//   take.c    what edge_take and edge_ready do       socket.c multipart messages and socket options
//   peer.c    hello, welcome, refuse, probe, loss   pull.c   a consumer's requests     serve.c  a worker's
//   inbox.c   arrivals not yet taken                keys.c   CURVE                     trace.c  COCA_TRACE
#pragma once

#include <zmq.h>

#include "wire/codec.h"
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

// Who is awaited: see edge_options.
struct group {
    char role[WIRE_NAME];
    int ranks;
};

enum peer_state {
    PEER_HERE,
    PEER_IGNORED, // a worker that sent something malformed
    PEER_ENDED,   // it said `end`
};

// Who said hello, or answered ours.
struct peer {
    struct identity identity;
    char role[WIRE_NAME];
    int rank;
    enum peer_state state;
    bool unreachable;   // the last probe could not be delivered
    int outstanding;    // of a worker: requests it has not answered
    uint64_t asked_nth; // of a worker: its last request's place among all; the smallest is asked first
};

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

// Units asked of a worker and not yet handed to the stage.
struct asks {
    struct unit *unit;
    int count, capacity;
    char shares[WIRE_NAME]; // of the last one
};

struct edge {
    struct hub *hub;
    struct edge *next;
    char *name, *address;
    struct endpoint endpoint;
    enum edge_manner manner;
    enum edge_direction direction;
    int window;
    const char *shares; // of EDGE_PULL, or NULL
    struct group *group;
    int group_count;

    void *socket, *monitor;      // a monitor only at a DEALER
    struct recording *recording; // instead of a socket
    bool read_out;               // the recording was read up to its end
    int64_t read_step;           // of the last message read from it
    int32_t read_microbatches;   // M of that step, 0 where unknown
    struct recording *copy;      // --record

    struct peer **peer;
    int peer_count, peer_capacity;
    double lonely_since; // hub's clock: opened, or a peer was lost
    double opened;       // hub's clock: the socket
    bool lost;           // a DEALER's connection; it begins anew at `begin_at`
    double begin_at;
    bool ended; // by us

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

static inline bool edge_is_router(const struct edge *edge) {
    return edge->manner == EDGE_PULL || edge->manner == EDGE_BIND;
}
static inline struct address peer_address(const struct peer *peer) {
    return (struct address){peer->role, peer->rank};
}
static inline bool edge_is_stateful(const struct edge *edge) {
    return edge->manner == EDGE_BIND || edge->manner == EDGE_CONNECT;
}

// --- socket.c
int socket_open(struct edge *edge); // and says hello, where it connects
// Encrypts what leaves this host. 0 or -EXIT_USAGE.
int socket_protect(struct hub *hub, void *socket, const struct endpoint *endpoint, const char *option, bool binds);
void socket_close(struct edge *edge, int linger_ms);
// What one multipart message turned out to be: `message` NULL with a reason when it was malformed.
struct arrival {
    struct identity identity;
    struct message *message;
    char reason[WIRE_REASON];
};
bool socket_receive(struct edge *edge, struct arrival *arrival); // false: nothing is there
// Frees *message in any case. False: the peer (of a DEALER: its one) is not reachable.
bool socket_send(struct edge *edge, const struct peer *peer, struct message **message);
bool socket_reply(struct edge *edge, const struct identity *identity, struct message **message);
// Adds to the counters; probes are no traffic of the stage's.
void count_message(const struct message *message, size_t header, int64_t *messages, int64_t *bytes);
// The next event of a DEALER's monitor, 0 when there is none.
int socket_event(struct edge *edge);

// --- peer.c
void edge_receive(struct edge *edge); // all that has arrived
void edge_events(struct edge *edge);  // a DEALER's connection lost, and begun anew
void edge_probe(struct edge *edge);
struct peer *edge_peer(const struct edge *edge, struct address address); // the first that fits; not IGNORED ones
void edge_unreachable(struct edge *edge, struct peer *peer);             // a message could not be sent to it
// The first of those awaited, as far as `from` fits, who has not come. False when all are there.
bool edge_misses(const struct edge *edge, struct address from, char who[ADDRESS_TEXT]);

// --- pull.c
void pull_want(struct edge *edge, struct address from, struct unit unit);
struct request *pull_find(const struct edge *edge, struct address from, int64_t step, int32_t microbatch);
int pull_collect(struct edge *edge, struct request *request, struct message **message); // 0 or HUB_END; forgets it
void pull_assign(struct edge *edge);
const char *pull_deliver(struct edge *edge, struct peer *peer, struct message **message); // NULL or why it is refused
void pull_release(struct edge *edge, struct peer *peer);                                  // its requests go to others
void pull_forget(struct edge *edge);                                                      // all requests

// --- serve.c
const char *serve_deliver(struct edge *edge, struct message **message);
bool serve_is_asked(const struct edge *edge); // or its consumer ended
void serve_forget(struct edge *edge);

// --- wait.c
struct awaited {
    bool (*met)(const struct awaited *awaited);
    struct hub *hub;
    struct edge *edge; // NULL: all stateful ones
    struct wanted wanted;
    struct request *request;
    int fd; // waited for besides, or -1
    short events;
    bool fd_ready;
    bool patient;    // no stall limit: whoever gives the work may take its time
    double *account; // of the counters
};
int hub_wait(struct awaited *awaited);
int hub_status(struct hub *hub);                                         // a failure, an interrupt (once) or 0
void hub_pass(struct hub *hub, int timeout_ms, struct awaited *awaited); // serves what is there; awaited may be NULL
int hub_wait_fd(void *context, int fd, short events);                    // of a recording; context is the edge

// --- hub.c
struct message *hub_message(const struct hub *hub, enum message_kind kind); // control message with the sender filled in
void hub_stamp(const struct hub *hub, struct message *message);             // run, generation, sender

// --- trace.c
void trace_message(const struct edge *edge, const char *direction, const char *peer, const struct message *message);
// Logs at most a line a second; true when this one may be said.
bool complaint_due(struct hub *hub);
const char *identity_text(const struct identity *identity, char text[2 * IDENTITY_LIMIT + 1]);
