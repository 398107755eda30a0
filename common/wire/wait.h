// Waiting, while every socket is served. Private.
#pragma once

#include "wire/hub_private.h"

// What a wait is for. `met` is asked after each pass; the rest says whose absence and silence would end it.
struct awaited {
    bool (*met)(const struct awaited *awaited);
    struct hub *hub;
    struct edge *edge; // NULL: all stateful ones
    struct wanted wanted;
    struct request *request; // of a pulled edge
    int fd;                  // waited for besides, or -1
    short events;
    bool fd_ready;
    bool patient;    // no stall limit: whoever gives the work may take its time
    double *account; // of the counters
};
int hub_wait(struct awaited *awaited);
int hub_status(struct hub *hub);                                         // a failure, an interrupt (once) or 0
void hub_pass(struct hub *hub, int timeout_ms, struct awaited *awaited); // serves what is there; awaited may be NULL
void hub_part(struct hub *hub);                                          // until stateful peers have ended, or are gone
int hub_wait_fd(void *context, int fd, short events);                    // of a recording; context is the edge
