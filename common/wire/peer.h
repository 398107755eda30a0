// The peers of an edge. Private.
#pragma once

#include "wire/hub_private.h"

struct peer *peer_at(const struct link *link, const struct identity *identity); // who said hello on this connection
struct peer *peer_of_link(const struct link *link);                             // the first one; a DEALER has no other
struct peer *peer_of(const struct edge *edge, struct address address);          // the first that fits; not IGNORED ones
bool peer_is_alone(const struct edge *edge, struct address address);            // no other one fits
// The sender of a hello or welcome is HERE from now on.
struct peer *peer_add(struct link *link, const struct identity *identity, const struct message *message);
void peer_remove(struct edge *edge, struct peer *peer); // frees it

// Why nobody of this address is awaited: an unknown role, a rank beyond those expected, one that is there already.
// False when somebody is.
bool peer_is_unexpected(const struct edge *edge, struct address sender, char why[WIRE_TEXT]);

struct missing {
    char who[ADDRESS_TEXT];
    const char *where; // the address at which it is missing
};
// The first of those awaited, as far as `from` fits, who has not come. False when all are there.
bool peer_is_missing(const struct edge *edge, struct address from, struct missing *missing);
