// A socket for clients that are no stages (coca-serve's): the hub gives it its keys and an address like an edge's, the
// stage reads and answers it itself. Clients come through a gate (gate.c), so the socket listens in a folder that is
// nobody's but this process's, in the working directory.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/gate.h"
#include "wire/link.h"

enum {
    WAITING_REQUESTS = 2,  // of one client: the rest waits where it is
    WAITING_REPLIES = 256, // of one client that does not read: then they are lost
    LINGER_MS = 2000,
};
#define SOCKET_NAME "socket"

static void set_options(void *socket, int64_t limit) {
    const int mandatory = 1, requests = WAITING_REQUESTS, replies = WAITING_REPLIES, linger = LINGER_MS;
    zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &requests, sizeof requests);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &replies, sizeof replies);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
}

static int parse(struct endpoint *endpoint, const char *option, const char *address) {
    int status = endpoint_parse(endpoint, option, address);
    if (status || !endpoint_is_recording(endpoint)) return status;
    return error(EXIT_USAGE, "--%s %s is no socket", option, address);
}

static int make_folder(struct hub_clients *clients) {
    char folder[] = "clients-XXXXXX";
    if (!mkdtemp(folder)) return error(EXIT_RUN, "no folder can be made here: %s", strerror(errno));
    clients->folder = xstrdup(folder);
    return 0;
}

static int bind_inside(struct hub_clients *clients, const char *path) {
    struct endpoint inside;
    char *address = xformat("ipc://%s", path);
    int status = endpoint_parse(&inside, "clients", address);
    if (!status) status = endpoint_listen(&inside, "clients", clients->socket);
    free(address);
    return status;
}

static int open_gate(struct hub_clients *clients, const struct endpoint *endpoint, const char *option) {
    char *path = xformat("%s/" SOCKET_NAME, clients->folder);
    int status = bind_inside(clients, path);
    if (!status) status = gate_open(&clients->gate, endpoint, option, path);
    free(path);
    return status;
}

int hub_clients_open(struct hub *hub, struct hub_clients *clients, const char *option, const char *address,
                     int64_t limit) {
    struct endpoint endpoint;
    *clients = (struct hub_clients){.socket = NULL};
    int status = parse(&endpoint, option, address);
    if (status) return status;
    clients->socket = zmq_socket(hub->context, ZMQ_ROUTER);
    if (!clients->socket) return error(EXIT_RUN, "no socket for clients: %s", zmq_strerror(errno));
    set_options(clients->socket, limit);
    status = socket_protect(hub, clients->socket, &endpoint, option, true);
    if (!status) status = make_folder(clients);
    return status ? status : open_gate(clients, &endpoint, option);
}

// The socket first: what it still sends goes through the gate.
void hub_clients_close(struct hub_clients *clients) {
    if (clients->socket) zmq_close(clients->socket);
    gate_close(&clients->gate);
    if (!clients->folder) return;
    char *path = xformat("%s/" SOCKET_NAME, clients->folder);
    unlink(path);
    rmdir(clients->folder);
    free(path);
    free(clients->folder);
}
