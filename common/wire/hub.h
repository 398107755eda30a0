// All the edges of one process, driven by one thread.
//
// edge_take waits for one message and, while it waits, serves every socket: arrivals are filed in an inbox by (edge,
// kind or word, sender's role and rank, step, microbatch), hellos are answered, requests are passed on to other workers
// when theirs died, file descriptors that the stage watches (signals, supervisor) are called back. Compute runs between
// calls; libzmq's I/O thread moves bytes meanwhile.
//
// Pulled edges: the consumer binds a ROUTER and asks workers, which connect DEALERs. At most `window` requests are with
// one worker; answers nobody waits for (late duplicates) are dropped. Stateful edges: both ends wait for the ranks of
// the roles they name, each message is sent once, in order per peer. All sockets: ROUTER_MANDATORY, ZMTP heartbeats 1 s
// / 3 s, linger, MAXMSGSIZE.
//
// An edge whose address is file:PATH or "-" is a recording: an input is read in order, an output written.
//
// Every limit in seconds counts time spent waiting: a process that computes for minutes, or is stopped, runs out of
// none. A failure (a lost peer, a refusal, a malformed message on a stateful edge) is reported once; from then on every
// wait returns it.
#pragma once

#include "base/memory.h"
#include "wire/endpoint.h"
#include "wire/wanted.h"

struct hub;
struct edge;

struct hub_config {
    const char *role;             // "image-encode"; travels as `from`
    int rank;                     // among the replicas of the role
    const char *run;              // run id, at most WIRE_RUN − 1 bytes; "" accepts and takes over the peer's
    int64_t generation;           // of the run, taken over with its id; another one's hello is refused (exit 2 there)
    uint64_t fingerprint;         // of the model; a peer that differs is refused (exit 2 there)
    double peer_timeout;          // seconds for a peer that is missing: -EXIT_PEER, naming it
    double request_timeout;       // seconds until a request goes to another worker
    double stall_timeout;         // seconds without any arrival: -EXIT_PEER, printing what is awaited
    int64_t message_limit;        // bytes of one frame: ZMQ_MAXMSGSIZE
    const char *keys;             // folder of CURVE keys, or NULL; see keys.h
    bool insecure;                // tcp beyond loopback without keys
    const struct strings *record; // "EDGE=FILE": what edge_take returns of an edge is written there too; or NULL
};

struct hub *hub_new(const struct hub_config *config); // what the configuration points to outlives the hub

const char *hub_role(const struct hub *hub); // as configured
int hub_rank(const struct hub *hub);
int64_t hub_message_limit(const struct hub *hub);

// Says `end` on every edge that was not ended, waits a few seconds at most for stateful peers to say theirs, lets
// messages out within the linger time, frees. 0, or -EXIT_RUN when a recording could not be finished.
int hub_close(struct hub **hub);

// The end after a failure: only workers are told `end`; stateful peers notice the loss, recordings stay without `end`.
void hub_abandon(struct hub **hub);

// Calls back from inside a wait when `fd` is readable or hung up. Returning nonzero makes the wait return that value.
void hub_watch(struct hub *hub, int fd, int (*callback)(void *context), void *context);
void hub_unwatch(struct hub *hub, int fd); // not from the callback; before `fd` is closed

enum edge_manner {
    EDGE_PULL,    // consumer of a stateless edge: binds and asks
    EDGE_SERVE,   // worker: connects and answers; of several consumers each binds one address (edge_connect)
    EDGE_BIND,    // stateful: waits for its peers
    EDGE_CONNECT, // stateful: its peers bind, each at an address of its own (edge_connect)
    EDGE_GUEST,   // connects as a guest to who binds a stateful edge (struct guests)
};
enum edge_direction { EDGE_IN = 1, EDGE_OUT = 2, EDGE_BOTH = 3 };

// Replicas of one stage: ranks 0 … ranks − 1.
struct peer_group {
    const char *role;
    int ranks;
};

// Who else may come to a stateful edge that binds, and go: guests, whom nobody waits for and whose loss is none. The
// calls come from inside waits; what they return is sent.
struct guests {
    int most;                               // at once
    struct message *(*news)(void *context); // what each is told when it comes; NULL: nothing
    struct message *(*answer)(void *context, const struct message *asked); // to what one tells; NULL: nothing
    void *context;
};

struct edge_options {
    const char *name;    // "images"
    const char *address; // as endpoint_parse takes it
    enum edge_manner manner;
    enum edge_direction direction; // recordings go one way only
    int window;                    // of EDGE_PULL: requests with one worker at a time, >= 1
    // Who is awaited; none: anybody, one at each address. Of EDGE_BIND and EDGE_CONNECT each rank of each role. Of
    // EDGE_PULL a role for each kind of worker that must answer (embeddings of evaluation come from two), any number of
    // them, `ranks` unused.
    const struct peer_group *peers;
    int peer_count;
    const struct guests *guests; // of EDGE_BIND; outlives the edge. NULL: who is not awaited is refused
};
// 0, -EXIT_USAGE (address, port in use), -EXIT_DATA (recording). The hub owns the edge.
int hub_edge(struct hub *hub, struct edge **edge, const struct edge_options *options);
// One address more of an EDGE_CONNECT or EDGE_SERVE edge, as the peers of one role bind one each: a link of its own,
// with its own greeting and loss. Of EDGE_CONNECT before hub_meet. 0 or -EXIT_USAGE.
int edge_connect(struct edge *edge, const char *address);
bool edge_is_recording(const struct edge *edge);
// One address more at which an edge that binds listens, for who cannot come by the first. 0 or -EXIT_USAGE.
int edge_listen(struct edge *edge, const char *address);
char *
edge_bound(const struct edge *edge); // its newest address, where a port * is the one that it got; the caller frees
// Gives up an address of an EDGE_SERVE edge, and what was asked there. Others stay.
void edge_leave(struct edge *edge, const char *address);
// Whether that peer came by ipc, and so runs on this host; of a peer that is not there yet, whether all addresses are.
bool edge_is_local(const struct edge *edge, struct address peer);
// Sends the news to all guests who are there.
void edge_tell_guests(struct edge *edge);
const char *edge_name(const struct edge *edge);

// Waits until every peer that the stateful edges name has said hello. 0 or -EXIT_PEER. Pulled edges wait in edge_take.
int hub_meet(struct hub *hub);
int edge_meet(struct edge *edge); // the same of one edge
bool edge_is_met(const struct edge *edge);

// What waits return besides 0 and -exit_code. A watch callback's value is returned as it is. HUB_NEWS: something was
// told on an EDGE_GUEST edge, for edge_take, it ended, or it was lost and is greeted anew.
enum { HUB_END = 1, HUB_NEWS = 101 };

// A pulled edge's requests say from here on that the stage opens shared memory of this backend ("cpu", "cuda"; it
// outlives the edge), unless the edge is recorded.
void edge_opens_shared(struct edge *edge, const char *backend);
// Tells a pulled edge what will be taken, in order, ahead of need; `from` ANYBODY, or workers of a role, of any rank.
// Recordings ignore it.
void edge_want(struct edge *edge, struct address from, struct unit unit);

// The message that is wanted. The caller frees *message. HUB_END: the edge ended, or the unit lies beyond the data. A
// recording that ends before the step is HUB_END when nothing of the step was read (the caller decides whether that is
// "ends at step N"), -EXIT_DATA when it lacks a microbatch below its own M or the whole of an earlier step. A pulled
// edge's unit must have been wanted of the same workers; none is taken twice.
int edge_take(struct edge *edge, struct wanted wanted, struct message **message);
// Whether edge_take, or edge_next_ask for EDGE_SERVE, would return at once; serves the sockets without waiting.
bool edge_ready(struct edge *edge, struct wanted wanted);

// EDGE_SERVE: the next request, in order of arrival; not for recordings, whose producer counts its units itself.
// HUB_END when all consumers ended. Time waited here counts as blocked on output. Answered by edge_send with the data,
// or with a MESSAGE_END of the same unit when that lies beyond the data.
int edge_next_ask(struct edge *edge, struct unit *unit);
// Of EDGE_SERVE, about the request that edge_next_ask returned last: who made it, as edge_send takes it, borrowed from
// the edge; and the backend whose shared memory that consumer opens, "" when it did not say so.
struct address edge_asker(const struct edge *edge);
const char *edge_consumer_shares(const struct edge *edge);

// Sends and nulls the message, filling in run, generation, from, rank. `to` fits one peer: ANYBODY will do at a worker,
// at a recording, and where only one is expected. 0, -EXIT_PEER (the peer is gone), -EXIT_RUN (recording), HUB_END (the
// reader of a pipe left). An answer whose consumer is gone is dropped: edge_next_ask deals with that.
int edge_send(struct edge *edge, struct address to, struct message **message);
// Says `end` to the peers, or closes the recording.
int edge_end(struct edge *edge);

// Serves the sockets without waiting, for a stage that has others to wait for. 0, or what a wait would return.
int hub_look(struct hub *hub);

// A ROUTER for clients that are no stages, with the hub's keys, behind a gate that bounds their connections; frames of
// `limit` bytes at most. `option` names the address in errors. 0, -EXIT_USAGE (address) or -EXIT_RUN; closed before the
// hub in any case.
struct hub_clients {
    void *socket;
    struct gate *gate;
    char *folder; // private: of the socket inside
};
int hub_clients_open(struct hub *hub, struct hub_clients *clients, const char *option, const char *address,
                     int64_t limit);
void hub_clients_close(struct hub_clients *clients); // what was sent leaves within two seconds

struct hub_counters {
    double waiting, blocked; // seconds waiting for input, blocked on output
    int64_t messages_in, messages_out, bytes_in, bytes_out, malformed, repeated_requests;
    int64_t stale; // messages of an older generation, dropped
};
struct hub_counters hub_counters(const struct hub *hub);
