// Listening and connecting at an endpoint, for edges (socket.c) and for clients that are no stages. Keeps a bind from
// stealing a living process's ipc socket, which libzmq would do silently, and other users from its file; gives libzmq
// what it does not find out by itself: the address of a name to listen at, and that IPv6 is meant.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/endpoint.h"

const char *endpoint_path(const struct endpoint *endpoint) {
    return endpoint->address + strlen("ipc://");
}

static bool somebody_listens(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

static int claim(const char *path, const char *edge) {
    struct stat status;
    if (lstat(path, &status)) return 0;
    if (!S_ISSOCK(status.st_mode)) return error(EXIT_USAGE, "--%s: %s exists and is no socket", edge, path);
    if (somebody_listens(path))
        return error(EXIT_USAGE, "--%s: %s is in use by a running process; end it, or choose another path", edge, path);
    if (unlink(path) && errno != ENOENT)
        return error(EXIT_USAGE, "--%s: %s is left over and cannot be removed: %s", edge, path, strerror(errno));
    return 0;
}

static const struct sockaddr *place_of(const struct endpoint *endpoint) {
    return (const struct sockaddr *)(const void *)endpoint->place;
}

static bool is_ipv6(const struct endpoint *endpoint) {
    return endpoint->place_size && place_of(endpoint)->sa_family == AF_INET6;
}

static void allow_ipv6(const struct endpoint *endpoint, void *socket) {
    const int yes = is_ipv6(endpoint);
    if (zmq_setsockopt(socket, ZMQ_IPV6, &yes, sizeof yes)) bug("ZMQ_IPV6: %s", zmq_strerror(errno));
}

// What libzmq is told: the endpoint by the address of its host, or as it was given.
#define NUMERIC 96 // with NUL: tcp://[ADDRESS%INTERFACE]:PORT
static const char *numeric(const struct endpoint *endpoint, char text[NUMERIC]) {
    char host[64], port[8];
    if (!endpoint->place_size || getnameinfo(place_of(endpoint), endpoint->place_size, host, sizeof host, port,
                                             sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        return endpoint->address;
    snprintf(text, NUMERIC, is_ipv6(endpoint) ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
    return text;
}

static const char *remedy(const struct endpoint *endpoint, int failure) {
    const bool tcp = endpoint->kind == ENDPOINT_TCP;
    switch (failure) {
    case EADDRINUSE: return "; end the process that listens there, or choose another port";
    case EACCES: return tcp ? "; choose a port from 1024 up" : "; choose a folder that can be written";
    case ENOENT: return "; make its folder first";
    case ENODEV:
    case EADDRNOTAVAIL: return "; listen at an address of this host, at localhost or, on all interfaces, at 0.0.0.0";
    case EAFNOSUPPORT: return "; this host has no IPv6";
    default: return "";
    }
}

static int cannot_listen(const struct endpoint *endpoint, const char *edge, int failure) {
    if (endpoint->kind == ENDPOINT_TCP && !endpoint->place_size)
        return error(EXIT_USAGE, "--%s %s: cannot listen: the host is neither a known name nor an interface%s", edge,
                     endpoint->address, remedy(endpoint, failure));
    return error(EXIT_USAGE, "--%s %s: cannot listen: %s%s", edge, endpoint->address, zmq_strerror(failure),
                 remedy(endpoint, failure));
}

// Calls back to bind. The file of an ipc socket gets its mode when it is bound; changing it afterwards would leave
// others a moment. `bind_it` returns 0 or what errno says.
static int listen_by(int (*bind_it)(const struct endpoint *endpoint, void *context), void *context,
                     const struct endpoint *endpoint, const char *edge) {
    int status = endpoint->kind == ENDPOINT_IPC ? claim(endpoint_path(endpoint), edge) : 0;
    if (status) return status;
    const mode_t before = umask(S_IXUSR | S_IRWXG | S_IRWXO);
    const int failure = bind_it(endpoint, context);
    umask(before);
    return failure ? cannot_listen(endpoint, edge, failure) : 0;
}

static int bind_socket(const struct endpoint *endpoint, void *socket) {
    char text[NUMERIC];
    allow_ipv6(endpoint, socket);
    return zmq_bind(socket, numeric(endpoint, text)) ? errno : 0;
}

int endpoint_listen(const struct endpoint *endpoint, const char *edge, void *socket) {
    return listen_by(bind_socket, socket, endpoint, edge);
}

// An address of IPv6 takes IPv4 too where it is all interfaces', as libzmq has it.
static int bind_tcp(const struct endpoint *endpoint, int fd) {
    const int yes = 1, no = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (is_ipv6(endpoint)) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    return bind(fd, place_of(endpoint), endpoint->place_size);
}

static int bind_ipc(const struct endpoint *endpoint, int fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, endpoint_path(endpoint));
    return bind(fd, (const struct sockaddr *)&address, sizeof address);
}

static int bind_descriptor(const struct endpoint *endpoint, void *context) {
    int *fd = context;
    const bool ipc = endpoint->kind == ENDPOINT_IPC;
    if (!ipc && !endpoint->place_size) return ENODEV;
    *fd = socket(ipc ? AF_UNIX : place_of(endpoint)->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) return errno;
    const bool listens = (ipc ? bind_ipc : bind_tcp)(endpoint, *fd) == 0 && listen(*fd, SOMAXCONN) == 0;
    const int failure = errno;
    if (listens) return 0;
    close(*fd);
    *fd = -1;
    return failure;
}

int endpoint_listener(const struct endpoint *endpoint, const char *edge, int *fd) {
    *fd = -1;
    return listen_by(bind_descriptor, fd, endpoint, edge);
}

// A name of another host is left to libzmq, which looks it up again each time: the host may come, and move.
int endpoint_connect(const struct endpoint *endpoint, const char *edge, void *socket) {
    char text[NUMERIC];
    allow_ipv6(endpoint, socket);
    const bool wildcard = endpoint->kind == ENDPOINT_TCP && strstr(endpoint->address, "//*:");
    if (zmq_connect(socket, endpoint->loopback || wildcard ? numeric(endpoint, text) : endpoint->address) == 0)
        return 0;
    return error(EXIT_USAGE, "--%s %s: cannot connect: %s", edge, endpoint->address, zmq_strerror(errno));
}

// A datagram socket that is connected sends nothing: the kernel only looks the route up.
char *endpoint_own_address(const struct endpoint *endpoint) {
    struct endpoint own = {.kind = ENDPOINT_TCP};
    socklen_t size = sizeof own.place;
    char host[64];
    if (!endpoint->place_size) return NULL;
    int fd = socket(place_of(endpoint)->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool found = fd >= 0 && connect(fd, place_of(endpoint), endpoint->place_size) == 0 &&
                       getsockname(fd, (struct sockaddr *)(void *)own.place, &size) == 0 &&
                       getnameinfo(place_of(&own), size, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0;
    if (fd >= 0) close(fd);
    own.place_size = size;
    return found ? xformat(is_ipv6(&own) ? "tcp://[%s]:*" : "tcp://%s:*", host) : NULL;
}
