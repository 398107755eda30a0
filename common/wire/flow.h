// One direction of a connection of ZeroMQ's that is passed on: bytes of one descriptor to another. Private.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/zmtp.h"

struct flow {
    int from, to;
    struct zmtp zmtp; // of what was read
    bool told;        // a message began since the caller made it false
    char *rest;       // what `to` did not take yet, at most a block; NULL: nothing
    size_t at, size;
    int64_t moved; // bytes taken by `to`
};

enum { FLOW_BLOCK = 64 << 10 };

// Moves what can be moved without waiting, for a while; `block` is scratch of FLOW_BLOCK bytes. False when it is over:
// the source has ended and all is delivered, or either end is gone.
bool flow_move(struct flow *flow, char *block);
static inline bool flow_is_stuck(const struct flow *flow) {
    return flow->rest;
}
void flow_release(struct flow *flow); // not its descriptors
