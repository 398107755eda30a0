// The socket of a link: its options, its encryption, its bind or connect, the monitor of a connection. Called where
// links are opened, closed and begun anew (hello.c, edge.c, liveness.c); messages on it are frames.c's.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/fail.h"
#include "wire/link.h"
#include "wire/manner.h"

enum {
    LINGER_MS = 5000, // at a proper end
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000, // without a TTL, so that a job that was stopped and continued finds its peers again
    ROUTING_ID_BYTES = 16,
    WATCHED_EVENTS = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
};

static void set_int(void *socket, int option, int value) {
    if (zmq_setsockopt(socket, option, &value, sizeof value)) bug("socket option %d: %s", option, zmq_strerror(errno));
}

static void set_common(void *socket, int64_t limit) {
    set_int(socket, ZMQ_LINGER, 0); // what a lost connection was to bring goes with it; socket_close says otherwise
    set_int(socket, ZMQ_SNDHWM, 0); // the protocol bounds what is under way
    set_int(socket, ZMQ_RCVHWM, 0);
    set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
}

static void set_router(void *socket) {
    set_int(socket, ZMQ_ROUTER_MANDATORY, 1); // without it a message to nobody is dropped silently
    set_int(socket, ZMQ_ROUTER_HANDOVER, 1);  // a peer that connects again before its loss was noticed
}

// Not ZMQ_IMMEDIATE, which would be rid of messages queued for a lost peer: on a loss it also discards what had arrived
// and was not received yet, the peer's `end` for one. liveness.c opens a new socket instead.
static void set_dealer(void *socket) {
    unsigned char id[ROUTING_ID_BYTES];
    if (getrandom(id, sizeof id, 0) != sizeof id) bug("getrandom: %s", strerror(errno));
    id[0] |= 1; // ids that begin with zero are ZeroMQ's own
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, sizeof id);
}

int socket_protect(struct hub *hub, void *socket, const struct endpoint *endpoint, const char *option, bool binds) {
    if (endpoint->kind != ENDPOINT_TCP) return 0;
    if (!hub->keys.folder) {
        if (endpoint->loopback || hub->config.insecure) return 0;
        return error(EXIT_USAGE,
                     "--%s %s leaves this host unencrypted: make keys with `coca-tap keys DIR` and give --keys DIR to "
                     "both ends, or give --insecure",
                     option, endpoint->address);
    }
    return binds ? keys_serve(&hub->keys, hub->context, socket) : keys_connect(&hub->keys, socket);
}

static int monitor_open(struct link *link) {
    struct hub *hub = link->edge->hub;
    char address[64];
    snprintf(address, sizeof address, "inproc://monitor-%d", hub->monitors++);
    link->monitor = zmq_socket(hub->context, ZMQ_PAIR);
    if (!link->monitor || zmq_socket_monitor(link->socket, address, WATCHED_EVENTS) ||
        zmq_connect(link->monitor, address))
        return error(EXIT_RUN, "edge %s: its connection cannot be monitored: %s", link->edge->name,
                     zmq_strerror(errno));
    return 0;
}

static int bind_or_connect(struct link *link) {
    const char *name = link->edge->name;
    return link->edge->manner->binds ? endpoint_listen(&link->endpoint, name, link->socket)
                                     : endpoint_connect(&link->endpoint, name, link->socket);
}

int socket_open(struct link *link) {
    struct hub *hub = link->edge->hub;
    const bool binds = link->edge->manner->binds;
    link->socket = zmq_socket(hub->context, binds ? ZMQ_ROUTER : ZMQ_DEALER);
    if (!link->socket) return error(EXIT_RUN, "edge %s: no socket: %s", link->edge->name, zmq_strerror(errno));
    set_common(link->socket, hub->config.message_limit);
    if (binds)
        set_router(link->socket);
    else
        set_dealer(link->socket);
    int status = socket_protect(hub, link->socket, &link->endpoint, link->edge->name, binds);
    if (status == 0 && !binds) status = monitor_open(link);
    return status ? status : bind_or_connect(link);
}

// Events end before their reader does: libzmq 4.3 loses the memory of one that nobody takes.
void socket_close(struct link *link, int linger_ms) {
    if (link->monitor) zmq_socket_monitor(link->socket, NULL, 0);
    if (link->monitor) zmq_close(link->monitor);
    if (!link->socket) return;
    set_int(link->socket, ZMQ_LINGER, linger_ms < 0 ? LINGER_MS : linger_ms);
    zmq_close(link->socket);
    link->socket = link->monitor = NULL;
}

int socket_event(struct link *link) {
    struct {
        uint16_t event;
        unsigned char value[4];
    } report;
    char address[256];
    if (zmq_recv(link->monitor, &report, sizeof report, ZMQ_DONTWAIT) < 0) return 0;
    zmq_recv(link->monitor, address, sizeof address, 0);
    return report.event;
}
