// Being in contact: greeting, arrivals, liveness. Private.
#pragma once

#include "wire/link.h"
#include "wire/peer.h"

// --- hello.c
int hello_begin(struct link *link); // opens the socket and, where it connects, says hello. 0 or -exit_code
// At a ROUTER: welcomes or refuses. `peer` is who greeted on this connection before, or NULL.
void hello_take(struct link *link, const struct identity *identity, struct peer *peer, const struct message *hello);
// At a DEALER that has no peer yet: takes welcome or refuse. NULL, or why the message is malformed.
const char *hello_take_answer(struct link *link, const struct message *message);
bool hello_of_another_run(const struct hub *hub, const struct message *message);
// Of the same run: by how many generations its sender is behind this end; below 0 it is ahead.
int64_t hello_generations_behind(const struct hub *hub, const struct message *message);

// --- arrivals.c
void arrivals_take(struct edge *edge); // all that has arrived

// --- liveness.c
void liveness_attend(struct edge *edge, bool probe);             // connections lost and begun anew, and what is due
void liveness_unreachable(struct edge *edge, struct peer *peer); // a message could not be sent to it
