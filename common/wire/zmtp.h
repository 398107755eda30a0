// Where frames begin in the bytes of a connection of ZeroMQ's protocol (RFC 23): as much of it as tells messages from
// the talk that connections keep up without them. Private.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZMTP_GREETING = 64, ZMTP_HEADER = 9 }; // bytes

struct zmtp {
    uint64_t skip; // bytes that are no frame's header; ZMTP_GREETING at first
    uint8_t header[ZMTP_HEADER];
    int have; // bytes of it
};

// Walks over the next bytes, of which nothing is believed. True when a frame of a message began in them.
bool zmtp_walk(struct zmtp *zmtp, const void *bytes, size_t size);
