// The manners of edges, as rows of a table: what arrivals, losses and nonsense mean to each. Private.
#pragma once

#include "wire/peer.h"

struct manner {
    enum edge_manner name;
    bool binds;    // one ROUTER for all peers; else a DEALER for each address
    bool stateful; // each message is sent once: a lost peer ends the run
    // Takes over what it wants of a greeted peer's *message. NULL, or why it is malformed.
    const char *(*deliver)(struct edge *edge, struct peer *peer, struct message **message);
    // The peer's connection is no more, and had not ended. The peer may be freed.
    void (*lost)(struct edge *edge, struct peer *peer);
    // Does without a peer that sent something malformed. NULL: there is no other, so the run ends.
    void (*ignore)(struct edge *edge, struct peer *peer);
    // Who of those that `from` fits is waited for and not there.
    bool (*misses)(const struct edge *edge, struct address from, struct missing *missing);
    // After arrivals, in every pass: sends what has become due. NULL: nothing does.
    void (*attend)(struct edge *edge);
    // Gives up what was asked and not answered. NULL: nothing is asked.
    void (*forget)(struct edge *edge);
};

extern const struct manner pull_manner, serve_manner, bind_manner, connect_manner, guest_manner;

// --- pull.c
void pull_want(struct edge *edge, struct address from, struct unit unit);
struct request *pull_find(const struct edge *edge, struct address from, int64_t step, int32_t microbatch);
int pull_collect(struct edge *edge, struct request *request, struct message **message); // 0 or HUB_END; forgets it

// --- serve.c
bool serve_is_asked(const struct edge *edge);                  // or all its consumers ended
bool serve_next(struct edge *edge, struct unit *unit);         // false: all its consumers ended
void serve_forget(struct edge *edge, const struct link *link); // what was asked there

// --- guests.c, at the end that binds
void guests_refuse(const struct edge *edge, const struct message *hello, char why[WIRE_TEXT]); // "": let in
void guests_greet(struct edge *edge, struct peer *peer);                                       // tells it the news
const char *guests_deliver(struct edge *edge, struct peer *peer, const struct message *message);
