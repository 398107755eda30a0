// The sink of an evaluation: it asks for microbatches (0, m), m = 0, 1, …, until the data end.
#pragma once

#include "wire/hub.h"

// What the workers of one role send.
struct stream {
    struct address from;
    int (*take)(void *context, const struct message *message); // 0 or -exit_code
    void *context;
    // Filled by pull_all
    int32_t wanted, next;
    int64_t samples;
    bool ended;
};

// Binds `--NAME ADDRESS` and waits for a worker of each role (of none: of any). 0 or -exit_code.
int pull_open(struct hub *hub, struct edge **edge, const char *name, const char *address,
              const struct peer_group *peers, int peer_count);

// Takes the streams in turn, each to its end. `what` and `total` (0: unknown) are for the progress of the first. 0 or
// -exit_code.
int pull_all(struct edge *edge, struct stream *streams, int count, const char *what, int64_t total);

// Samples that a producer reported as replaced: a picture that does not decode, an empty text. The first of them are
// named on stderr as they come.
int64_t pull_dropped(void);       // so far
bool pull_is_dropped(int64_t id); // of the message that is being taken
