// The gate's thread: takes connections while there is room, passes their bytes on, and ends those that have had their
// time. It knows nothing of what is said. clients.c opens it before coca-serve's socket.
#include "wire/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "wire/flow.h"

enum {
    DESCRIPTORS = 3,        // of a connection: the client's, and both ends of the one inside
    SPARE_DESCRIPTORS = 16, // for what else the process opens, and one in SPARE_SHARE of all
    SPARE_SHARE = 16,
    MOST_CONNECTIONS = 4096, // libzmq takes up to a hundred KiB for each that speaks
    EVENTS = 64,
    TICK_MS = 500,
};
#define SILENT_SECONDS 30.0
#define STUCK_SECONDS 10.0
#define WAIT_SECONDS 60.0
#define CLOSE_SECONDS 2.0

// In one of three rings, the longest without traffic first: those that never spoke, those that were told something
// after they last asked, and those that wait for that.
struct connection {
    struct connection *next, *previous;
    int client, inside;  // −1 until the client spoke; both −1: it is over
    struct flow in, out; // from the client, to the client
    double moved;        // when bytes were last moved, or it was opened
    double taken;        // when the client last took bytes, or was sent none
    uint32_t client_events, inside_events;
    bool waits;        // for an answer
    bool inside_ended; // nothing more is asked of it but what is left
};

struct gate {
    struct connection silent, idle, waiting, over; // heads of rings
    int count, most;
    int listener, poll, wake;
    bool listens;       // the listener is polled
    double listen_from; // not before: descriptors had run out
    double swept;
    char *inside;
    char *path; // of an ipc listener's file, or NULL
    atomic_bool closing;
    pthread_t thread;
    char block[FLOW_BLOCK];
};

// ---- rings

static void ring_begin(struct connection *head) {
    head->next = head->previous = head;
}

static bool ring_is_empty(const struct connection *head) {
    return head->next == head;
}

static void ring_leave(struct connection *connection) {
    connection->previous->next = connection->next;
    connection->next->previous = connection->previous;
}

static void ring_append(struct connection *head, struct connection *connection) {
    connection->previous = head->previous;
    connection->next = head;
    head->previous->next = connection;
    head->previous = connection;
}

// ---- connections

static void poll_for(const struct gate *gate, int fd, uint32_t events, void *what) {
    struct epoll_event event = {.events = events, .data = {.ptr = what}};
    if (epoll_ctl(gate->poll, EPOLL_CTL_MOD, fd, &event) == 0) return;
    if (errno != ENOENT || epoll_ctl(gate->poll, EPOLL_CTL_ADD, fd, &event)) bug("epoll: %s", strerror(errno));
}

// Freed after the events at hand, one of which may be its own.
static void end(struct gate *gate, struct connection *connection) {
    close(connection->client);
    if (connection->inside >= 0) close(connection->inside);
    connection->client = connection->inside = -1;
    flow_release(&connection->in);
    flow_release(&connection->out);
    ring_leave(connection);
    ring_append(&gate->over, connection);
    gate->count--;
}

static void free_ended(struct gate *gate) {
    while (!ring_is_empty(&gate->over)) {
        struct connection *connection = gate->over.next;
        ring_leave(connection);
        free(connection);
    }
}

// Each direction asks for what it can use now: its source when nothing is left over, else its receiver.
static void update_interest(const struct gate *gate, struct connection *connection) {
    const bool in = flow_is_stuck(&connection->in), out = flow_is_stuck(&connection->out);
    const uint32_t client = (in ? 0u : EPOLLIN) | (out ? EPOLLOUT : 0u);
    const uint32_t inside = (out ? 0u : EPOLLIN) | (in ? EPOLLOUT : 0u);
    if (client != connection->client_events) poll_for(gate, connection->client, client, connection);
    connection->client_events = client;
    if (connection->inside < 0 || connection->inside_ended) return;
    if (inside != connection->inside_events) poll_for(gate, connection->inside, inside, connection);
    connection->inside_events = inside;
}

static bool has_spoken(const struct connection *connection) {
    char byte;
    return recv(connection->client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// With the first bytes of a client. The bind inside stands, so that this does not wait.
static bool connect_inside(struct gate *gate, struct connection *connection) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!has_spoken(connection)) return false;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    strcpy(address.sun_path, gate->inside);
    connection->inside = fd;
    connection->in = (struct flow){.from = connection->client, .to = fd, .zmtp.skip = ZMTP_GREETING};
    connection->out = (struct flow){.from = fd, .to = connection->client, .zmtp.skip = ZMTP_GREETING};
    return connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

static void note_traffic(struct gate *gate, struct connection *connection) {
    if (connection->in.told || connection->out.told) connection->waits = connection->in.told;
    connection->in.told = connection->out.told = false;
    connection->moved = clock_seconds();
    ring_leave(connection);
    ring_append(connection->waits ? &gate->waiting : &gate->idle, connection);
}

static bool move(struct gate *gate, struct connection *connection) {
    const int64_t in = connection->in.moved, out = connection->out.moved;
    const bool goes_on = flow_move(&connection->in, gate->block), comes = flow_move(&connection->out, gate->block);
    if (!flow_is_stuck(&connection->out) || connection->out.moved > out) connection->taken = clock_seconds();
    if (connection->in.moved > in || connection->out.moved > out) note_traffic(gate, connection);
    return goes_on && comes;
}

// An end that hung up with something left for the other is not asked any more: it would say so again and again.
static bool hang_up(const struct gate *gate, struct connection *connection) {
    if (!flow_is_stuck(&connection->out)) return false;
    if (!connection->inside_ended) epoll_ctl(gate->poll, EPOLL_CTL_DEL, connection->inside, NULL);
    return connection->inside_ended = true;
}

static void serve(struct gate *gate, struct connection *connection, uint32_t events) {
    if (connection->client < 0) return;
    bool lives = connection->inside >= 0 || connect_inside(gate, connection);
    if (lives) lives = move(gate, connection);
    if (lives && events & (EPOLLHUP | EPOLLERR)) lives = hang_up(gate, connection);
    if (lives)
        update_interest(gate, connection);
    else
        end(gate, connection);
}

// ---- places

// Who gives way to a newcomer, or NULL.
static struct connection *first_to_go(const struct gate *gate) {
    if (!ring_is_empty(&gate->silent)) return gate->silent.next;
    if (!ring_is_empty(&gate->idle)) return gate->idle.next;
    const bool late = !ring_is_empty(&gate->waiting) && clock_seconds() - gate->waiting.next->moved > WAIT_SECONDS;
    return late ? gate->waiting.next : NULL;
}

static bool has_room(const struct gate *gate) {
    return gate->count < gate->most || first_to_go(gate);
}

static void admit(struct gate *gate, int client) {
    const int yes = 1;
    struct connection *connection = xcalloc(1, sizeof *connection);
    if (gate->count == gate->most) end(gate, first_to_go(gate));
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); // no matter where it is ipc
    connection->client = client;
    connection->inside = -1;
    connection->moved = connection->taken = clock_seconds();
    ring_append(&gate->silent, connection);
    gate->count++;
    update_interest(gate, connection);
}

static void accept_clients(struct gate *gate) {
    for (int i = 0; i < EVENTS && has_room(gate); i++) {
        const int client = accept4(gate->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            admit(gate, client);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            gate->listen_from = clock_seconds() + 1;
        if (client < 0) return;
    }
}

// The listener is asked while there is room, or somebody who would give way.
static void listen_or_not(struct gate *gate) {
    const bool listens = !gate->closing && clock_seconds() >= gate->listen_from && has_room(gate);
    if (listens != gate->listens) poll_for(gate, gate->listener, listens ? EPOLLIN : 0, &gate->listener);
    gate->listens = listens;
}

static void end_stuck(struct gate *gate, const struct connection *head) {
    const double now = clock_seconds();
    for (struct connection *at = head->next, *next; at != head; at = next) {
        next = at->next;
        if (now - at->taken > STUCK_SECONDS && flow_is_stuck(&at->out)) end(gate, at);
    }
}

static void end_late(struct gate *gate) {
    const double now = clock_seconds();
    if (now - gate->swept < TICK_MS / 1000.0 && !gate->closing) return;
    gate->swept = now;
    while (!ring_is_empty(&gate->silent) && (gate->closing || now - gate->silent.next->moved > SILENT_SECONDS))
        end(gate, gate->silent.next);
    end_stuck(gate, &gate->idle);
    end_stuck(gate, &gate->waiting);
}

static void end_all(struct gate *gate) {
    struct connection *const heads[] = {&gate->silent, &gate->idle, &gate->waiting};
    for (int i = 0; i < 3; i++)
        while (!ring_is_empty(heads[i])) end(gate, heads[i]->next);
    free_ended(gate);
}

// ---- the thread

static void turn(struct gate *gate) {
    struct epoll_event event[EVENTS];
    const int count = epoll_wait(gate->poll, event, EVENTS, TICK_MS);
    for (int i = 0; i < count; i++)
        if (event[i].data.ptr == &gate->listener)
            accept_clients(gate);
        else if (event[i].data.ptr == &gate->wake)
            eventfd_read(gate->wake, &(eventfd_t){0});
        else
            serve(gate, event[i].data.ptr, event[i].events);
    end_late(gate);
    free_ended(gate);
    listen_or_not(gate);
}

static void *run(void *context) {
    struct gate *gate = context;
    double until = INFINITY;
    listen_or_not(gate);
    while (clock_seconds() < until && !(gate->closing && !gate->count)) {
        turn(gate);
        if (gate->closing && isinf(until)) until = clock_seconds() + CLOSE_SECONDS;
    }
    end_all(gate);
    return NULL;
}

// Signals are the stage's.
static int start(struct gate *gate) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&gate->thread, NULL, run, gate);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure ? error(EXIT_RUN, "no thread for clients: %s", strerror(failure)) : 0;
}

// ---- opening and closing

static void release(struct gate *gate) {
    if (gate->listener >= 0) close(gate->listener);
    if (gate->poll >= 0) close(gate->poll);
    if (gate->wake >= 0) close(gate->wake);
    if (gate->path) unlink(gate->path);
    free(gate->path);
    free(gate->inside);
    free(gate);
}

static int count_places(struct gate *gate) {
    const int64_t limit = machine_raise_descriptors(), open = machine_open_descriptors();
    const int64_t most = (limit - limit / SPARE_SHARE - SPARE_DESCRIPTORS - open) / DESCRIPTORS;
    gate->most = (int)(most < MOST_CONNECTIONS ? most : MOST_CONNECTIONS);
    if (most >= 1) return 0;
    return error(EXIT_RUN, "too few descriptors are left for clients; raise the limit on open files (ulimit -n)");
}

static int prepare(struct gate *gate, const struct endpoint *endpoint, const char *option) {
    int status = endpoint_listener(endpoint, option, &gate->listener);
    if (status) return status;
    if (endpoint->kind == ENDPOINT_IPC) gate->path = xstrdup(endpoint_path(endpoint));
    gate->poll = epoll_create1(EPOLL_CLOEXEC);
    gate->wake = eventfd(0, EFD_CLOEXEC);
    if (gate->poll < 0 || gate->wake < 0)
        return error(EXIT_RUN, "no descriptors for clients: %s; raise the limit on open files (ulimit -n)",
                     strerror(errno));
    poll_for(gate, gate->wake, EPOLLIN, &gate->wake);
    return count_places(gate);
}

int gate_open(struct gate **gate, const struct endpoint *endpoint, const char *option, const char *inside) {
    struct gate *new = xcalloc(1, sizeof *new);
    new->listener = new->poll = new->wake = -1;
    new->inside = xstrdup(inside);
    ring_begin(&new->silent);
    ring_begin(&new->idle);
    ring_begin(&new->waiting);
    ring_begin(&new->over);
    int status = prepare(new, endpoint, option);
    if (!status) status = start(new);
    if (status) release(new);
    *gate = status ? NULL : new;
    return status;
}

void gate_close(struct gate **gate) {
    struct gate *old = *gate;
    if (!old) return;
    old->closing = true;
    if (eventfd_write(old->wake, 1)) bug("eventfd: %s", strerror(errno));
    pthread_join(old->thread, NULL);
    release(old);
    *gate = NULL;
}
