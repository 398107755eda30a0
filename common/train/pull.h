// The sink of an evaluation: it asks for microbatches (0, m), m = 0, 1, …, until the data end.
#pragma once

#include "run/run.h"
#include "wire/ahead.h"

enum { PULL_ROLES = 4 };
struct pull {
    const struct run *run;
    struct edge *edge;
    // Samples that a producer reported as replaced: a picture that does not decode, an empty text. The first of them
    // are named on stderr as they come.
    int64_t dropped; // so far
    int64_t *drop;   // [drops] ids of the message that is being taken
    size_t drops;
};

// What one role sends.
struct stream {
    const char *role;                                          // NULL: any
    int (*take)(void *context, const struct message *message); // 0 or -exit_code
    void *context;
    void (*tell)(void *context, struct buffer *detail); // appends what the progress has besides; NULL: nothing
    // Filled by pull_all
    struct ahead ahead;
    int32_t B, wanted; // samples of a microbatch; the next to ask for
    int64_t samples;
    bool ended;
};

// Binds `--NAME ADDRESS` and waits for the roles (NULL-terminated, or NULL: any one). 0 or -exit_code; pull_close in
// any case.
int pull_open(struct pull *pull, const struct run *run, struct hub *hub, const char *name, const char *address,
              const char *const *roles);
void pull_close(struct pull *pull);

// Takes the streams in turn, each to its end. `what` and `total` (0: unknown) are for the progress of the first. 0 or
// -exit_code.
int pull_all(struct pull *pull, struct stream *streams, int count, const char *what, int64_t total);

bool pull_is_dropped(const struct pull *pull, int64_t id); // of the message that is being taken
