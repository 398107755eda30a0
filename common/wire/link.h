// Links: the sockets of an edge and the multipart messages on them. Private.
#pragma once

#include <zmq.h>

#include "wire/codec.h"
#include "wire/hub_private.h"

// --- socket.c
int socket_open(struct link *link); // 0 or -exit_code
void socket_close(struct link *link, int linger_ms);
// The next event of a DEALER's monitor, 0 when there is none.
int socket_event(struct link *link);
// Encrypts what leaves this host. 0 or -EXIT_USAGE.
int socket_protect(struct hub *hub, void *socket, const struct endpoint *endpoint, const char *option, bool binds);

// --- frames.c
// What one multipart message turned out to be: `message` NULL with a reason when it was malformed.
struct arrival {
    struct identity identity;
    struct message *message;
    char reason[WIRE_REASON];
};
bool frames_receive(struct link *link, struct arrival *arrival); // false: nothing is there
// Both fill in the sender and free *message in any case. False: the peer is not reachable.
bool frames_send(const struct peer *peer, struct message **message);
// To a connection that is no peer (yet), at a ROUTER; at a DEALER to the other end, `identity` NULL.
bool frames_reply(struct link *link, const struct identity *identity, struct message **message);
void frames_stamp(const struct hub *hub, struct message *message); // run, generation, sender
struct message *frames_control(enum message_kind kind);            // a message of no unit
// Adds to the counters; probes are no traffic of the stage's.
void frames_count(const struct message *message, size_t header, int64_t *messages, int64_t *bytes);
