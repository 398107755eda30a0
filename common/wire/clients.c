// A socket for clients that are no stages (coca-serve's): the hub gives it its keys and an address like an edge's, the
// stage reads and answers it itself.
#include <errno.h>

#include "base/fail.h"
#include "wire/link.h"

enum { WAITING_MESSAGES = 4 }; // of one client, each way: the rest waits where it is

static void set_options(void *socket, int64_t limit) {
    const int mandatory = 1, waiting = WAITING_MESSAGES, linger = 2000;
    zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &waiting, sizeof waiting);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
}

static int bind_clients(struct hub *hub, void *socket, const char *option, const char *address) {
    struct endpoint endpoint;
    int status = endpoint_parse(&endpoint, option, address);
    if (status) return status;
    if (endpoint_is_recording(&endpoint)) return error(EXIT_USAGE, "--%s %s is no socket", option, address);
    status = socket_protect(hub, socket, &endpoint, option, true);
    return status ? status : endpoint_listen(&endpoint, option, socket);
}

int hub_clients(struct hub *hub, void **socket, const char *option, const char *address, int64_t limit) {
    *socket = zmq_socket(hub->context, ZMQ_ROUTER);
    if (!*socket) return error(EXIT_RUN, "no socket for clients: %s", zmq_strerror(errno));
    set_options(*socket, limit);
    int status = bind_clients(hub, *socket, option, address);
    if (!status) return 0;
    zmq_close(*socket);
    *socket = NULL;
    return status;
}
