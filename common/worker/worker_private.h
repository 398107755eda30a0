// What the files of a worker share.
#pragma once

#include "worker/worker.h"

// How often a list that waits to grow is looked at.
enum { WORKER_LOOK_MILLISECONDS = 20 };

// The message of a unit, MESSAGE_END when it lies beyond the data. *message stays NULL while too few samples have come.
// 0 or -exit_code.
int worker_make(const struct worker *worker, struct unit unit, struct message **message);

int worker_serve(const struct worker *worker, struct hub *hub, struct edge *edge);
int worker_record(const struct worker *worker, struct edge *edge);
