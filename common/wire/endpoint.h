// Addresses of edges: ipc://PATH, tcp://HOST:PORT, "-" (stdin or stdout), file:PATH. HOST is a name, an IPv4 address,
// an IPv6 address in brackets, an interface or * of this host.
#pragma once

#include <stdbool.h>

enum endpoint_kind { ENDPOINT_IPC, ENDPOINT_TCP, ENDPOINT_STREAM, ENDPOINT_FILE };

#define ENDPOINT_NUMERIC 96 // with NUL: tcp://[ADDRESS%INTERFACE]:PORT

struct endpoint {
    enum endpoint_kind kind;
    const char *address; // as given, or the file's path ("-" of a stream); borrowed from the text parsed
    // Of tcp:
    bool loopback;                  // nobody but this host: 127.*, ::1, localhost, names that stand for these
    bool known;                     // HOST is an address, or a name that stands for one now
    bool ipv6;                      // that address is one of IPv6
    char numeric[ENDPOINT_NUMERIC]; // the endpoint by that address; "" where it is not known
};

// 0 or -EXIT_USAGE naming the edge and what is wrong (an ipc path over 107 bytes, a tcp address without a port, …). A
// name is looked up, IPv4 first.
int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text);

static inline bool endpoint_is_recording(const struct endpoint *endpoint) {
    return endpoint->kind == ENDPOINT_STREAM || endpoint->kind == ENDPOINT_FILE;
}

// Makes a ZeroMQ socket listen at an endpoint that is no recording. An ipc socket is its owner's alone, whatever the
// umask. 0, or -EXIT_USAGE when a living process listens at the ipc path, which a bind would steal from it, when
// something that is no socket stands there, or when this host cannot listen at the address. A dead process's socket is
// removed.
int endpoint_listen(const struct endpoint *endpoint, const char *edge, void *socket);
// Connects it, now or when the other end is there. 0 or -EXIT_USAGE.
int endpoint_connect(const struct endpoint *endpoint, const char *edge, void *socket);
