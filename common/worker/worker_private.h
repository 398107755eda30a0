// What the files of a worker share.
#pragma once

#include "worker/worker.h"

// How often a list that waits to grow is looked at.
enum { WORKER_LOOK_MILLISECONDS = 20 };

// The message of a unit, MESSAGE_END when it lies beyond the data. *message stays NULL while too few samples have come.
// 0 or -exit_code.
int worker_make(const struct worker *worker, struct unit unit, struct message **message);

// --- worker_guest.c
// Opens control and, once it says where the consumers listen, *edge to all of them. 0, or what a wait returns.
int guest_open(const struct worker *worker, struct hub *hub, struct edge **edge);
int guest_follow(const struct worker *worker, struct edge *edge); // after HUB_NEWS: to where they listen now; HUB_END
void guest_leave(struct guest **guest);                           // and its folder

int worker_serve(const struct worker *worker, struct hub *hub, struct edge *edge);
int worker_record(const struct worker *worker, struct edge *edge);
