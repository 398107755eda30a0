// Addresses of edges: ipc://PATH, tcp://HOST:PORT, "-" (stdin or stdout), file:PATH.
#pragma once

#include <stdbool.h>

enum endpoint_kind { ENDPOINT_IPC, ENDPOINT_TCP, ENDPOINT_STREAM, ENDPOINT_FILE };

struct endpoint {
    enum endpoint_kind kind;
    const char *address; // for ZeroMQ, or the file's path ("-" of a stream); borrowed from the text parsed
    bool loopback;       // of tcp: 127.*, localhost
};

// 0 or -EXIT_USAGE naming the edge and what is wrong (an ipc path over 107 bytes, a tcp address without a port, …).
int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text);

static inline bool endpoint_is_recording(const struct endpoint *endpoint) {
    return endpoint->kind == ENDPOINT_STREAM || endpoint->kind == ENDPOINT_FILE;
}

// Before a bind: 0, or -EXIT_USAGE when a living process listens at the ipc path, which a bind would steal from it, or
// when something that is no socket stands there. A dead process's socket is removed.
int endpoint_claim(const struct endpoint *endpoint, const char *edge);
