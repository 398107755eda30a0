// Asks ahead of need, then takes in order: how every consumer goes through a pulled edge.
//
// The units come from `next`, in the order in which they are taken. So many of them beyond the one that is taken next
// are asked for that workers have made them when their turn comes.
#pragma once

#include "wire/hub.h"

// What `next` returns when it has no unit at the moment and need not wait for one.
enum { AHEAD_NOT_YET = 200 };

struct ahead {
    struct edge *edge;
    struct address from; // who is asked: a kind of worker, or anybody
    int64_t window;      // units asked for beyond the one that is taken next
    bool as_recorded;    // a recording's units are taken as they come, whatever `next` would say
    // The unit behind the last one. With `wait` nothing is asked for, so that a caller may be waited for, and a
    // sequence that is at its end says HUB_END. 0, AHEAD_NOT_YET (never with `wait`, unless takes are only made when
    // ahead_ready), or what ends the take.
    int (*next)(void *context, bool wait, struct unit *unit);
    void *context;

    struct unit *asked; // private: in order; the first is taken next
    int count, capacity;
    bool held; // the first was taken from the edge before its turn
    int held_status;
    struct message *held_message;
};
void ahead_release(struct ahead *ahead);

// Asks for what may be asked for. 0, or what `next` returned.
int ahead_fill(struct ahead *ahead);
// The next unit's message; the caller frees. What edge_take returns, or `next`.
int ahead_take(struct ahead *ahead, struct message **message);
// Whether a unit is asked for and ahead_take would return at once.
bool ahead_ready(const struct ahead *ahead);
// The message of the next unit if it has arrived, else NULL; it stays for ahead_take, which also tells what is wrong
// with it.
const struct message *ahead_peek(struct ahead *ahead);
// If the unit that is taken next has not come and a later one has, that one is taken next.
void ahead_promote(struct ahead *ahead);
// The unit that is taken next, NULL when none is asked for.
const struct unit *ahead_first(const struct ahead *ahead);
