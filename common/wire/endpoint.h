// Addresses of edges: ipc://PATH, tcp://HOST:PORT, "-" (stdin or stdout), file:PATH.
#pragma once

#include <stdbool.h>

enum endpoint_kind { ENDPOINT_IPC, ENDPOINT_TCP, ENDPOINT_STREAM, ENDPOINT_FILE };

struct endpoint {
    enum endpoint_kind kind;
    const char *address; // for ZeroMQ, or the file's path; borrowed from the text parsed
    bool loopback;       // of tcp
};

// 0 or -EXIT_USAGE naming the edge and what is wrong (an ipc path over 107 bytes, a tcp address without a port, …).
int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text);
