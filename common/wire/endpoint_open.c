// Listening and connecting at an endpoint, for edges (socket.c) and for clients that are no stages. Keeps a bind from
// stealing a living process's ipc socket, which libzmq would do silently, and other users from its file; gives libzmq
// what it does not find out by itself: the address of a name to listen at, and that IPv6 is meant.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/fail.h"
#include "wire/endpoint.h"

static const char *ipc_path(const struct endpoint *endpoint) {
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

static void allow_ipv6(const struct endpoint *endpoint, void *socket) {
    const int yes = endpoint->ipv6;
    if (zmq_setsockopt(socket, ZMQ_IPV6, &yes, sizeof yes)) bug("ZMQ_IPV6: %s", zmq_strerror(errno));
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
    if (endpoint->kind == ENDPOINT_TCP && !endpoint->known && failure == ENODEV)
        return error(EXIT_USAGE, "--%s %s: cannot listen: the host is neither a known name nor an interface%s", edge,
                     endpoint->address, remedy(endpoint, failure));
    return error(EXIT_USAGE, "--%s %s: cannot listen: %s%s", edge, endpoint->address, zmq_strerror(failure),
                 remedy(endpoint, failure));
}

// The file of an ipc socket gets its mode when it is bound; changing it afterwards would leave others a moment.
int endpoint_listen(const struct endpoint *endpoint, const char *edge, void *socket) {
    const bool ipc = endpoint->kind == ENDPOINT_IPC;
    int status = ipc ? claim(ipc_path(endpoint), edge) : 0;
    if (status) return status;
    allow_ipv6(endpoint, socket);
    const mode_t before = umask(S_IXUSR | S_IRWXG | S_IRWXO);
    const int failure = zmq_bind(socket, endpoint->known ? endpoint->numeric : endpoint->address) ? errno : 0;
    umask(before);
    return failure ? cannot_listen(endpoint, edge, failure) : 0;
}

// A name of another host is left to libzmq, which looks it up again each time: the host may come, and move.
int endpoint_connect(const struct endpoint *endpoint, const char *edge, void *socket) {
    allow_ipv6(endpoint, socket);
    const bool wildcard = endpoint->kind == ENDPOINT_TCP && strstr(endpoint->address, "//*:");
    if (zmq_connect(socket, endpoint->loopback || wildcard ? endpoint->numeric : endpoint->address) == 0) return 0;
    return error(EXIT_USAGE, "--%s %s: cannot connect: %s", edge, endpoint->address, zmq_strerror(errno));
}
