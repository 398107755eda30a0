// Addresses of edges: ipc://PATH, tcp://HOST:PORT, "-" (stdin or stdout), file:PATH. HOST is a name, an IPv4 address,
// an IPv6 address in brackets, an interface or * of this host.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ENDPOINT_PLACE 32 // bytes

enum endpoint_kind { ENDPOINT_IPC, ENDPOINT_TCP, ENDPOINT_STREAM, ENDPOINT_FILE };

struct endpoint {
    enum endpoint_kind kind;
    const char *address; // as given, or the file's path ("-" of a stream); borrowed from the text parsed
    // Of tcp:
    _Alignas(8) unsigned char place[ENDPOINT_PLACE]; // a struct sockaddr_in or sockaddr_in6
    uint32_t place_size;                             // 0: HOST is a name that nobody knows now
    bool loopback;                                   // nobody but this host: 127.*, ::1, names that stand for these
};

// 0 or -EXIT_USAGE naming the edge and what is wrong (an ipc path over 107 bytes, a tcp address without a port, …). A
// name is looked up, IPv4 first.
int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text);
// The same of who listens, whose tcp port may be *: one that is free.
int endpoint_parse_listener(struct endpoint *endpoint, const char *edge, const char *text);
// "tcp://ADDRESS:*": the address of this host from which packets to a tcp endpoint leave. The caller frees; NULL when
// its host is not known or cannot be reached now.
char *endpoint_own_address(const struct endpoint *endpoint);

// Where rank `rank` of `ranks` listens when the address is given for all of them: ".r" behind an ipc path, r added to a
// tcp port; the address itself for one rank, and of recordings. The caller frees.
char *endpoint_of_rank(const char *address, int rank, int ranks);

static inline bool endpoint_is_recording(const struct endpoint *endpoint) {
    return endpoint->kind == ENDPOINT_STREAM || endpoint->kind == ENDPOINT_FILE;
}

// Makes a ZeroMQ socket listen at an endpoint that is no recording. An ipc socket is its owner's alone, whatever the
// umask. 0, or -EXIT_USAGE when a living process listens at the ipc path, which a bind would steal from it, when
// something that is no socket stands there, or when this host cannot listen at the address. A dead process's socket is
// removed.
int endpoint_listen(const struct endpoint *endpoint, const char *edge, void *socket);
// The same for who takes connections itself: a descriptor, for the caller to close, and of ipc a file to remove.
int endpoint_listener(const struct endpoint *endpoint, const char *edge, int *fd);
const char *endpoint_path(const struct endpoint *endpoint); // of ipc; borrowed
// Connects it, now or when the other end is there. 0 or -EXIT_USAGE.
int endpoint_connect(const struct endpoint *endpoint, const char *edge, void *socket);
