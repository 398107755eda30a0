// Sockets of edges and the multipart messages on them: [identity at a ROUTER] header, a frame for each tensor.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/codec.h"
#include "wire/hub_private.h"
#include "wire/storage.h"

enum {
    LINGER_MS = 5000,
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000, // without a TTL, so that a job that was stopped and continued finds its peers again
    ROUTING_ID_BYTES = 16,
    WATCHED_EVENTS = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
};

// --- Opening

static void set_int(void *socket, int option, int value) {
    if (zmq_setsockopt(socket, option, &value, sizeof value)) bug("socket option %d: %s", option, zmq_strerror(errno));
}

static void set_common(const struct edge *edge) {
    int64_t limit = edge->hub->config.message_limit;
    set_int(edge->socket, ZMQ_LINGER, LINGER_MS);
    set_int(edge->socket, ZMQ_SNDHWM, 0); // the protocol bounds what is under way
    set_int(edge->socket, ZMQ_RCVHWM, 0);
    set_int(edge->socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(edge->socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    zmq_setsockopt(edge->socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
}

static void set_router(const struct edge *edge) {
    set_int(edge->socket, ZMQ_ROUTER_MANDATORY, 1);
    set_int(edge->socket, ZMQ_ROUTER_HANDOVER, 1); // a peer that connects again before its loss was noticed
}

// Not ZMQ_IMMEDIATE, which would be rid of messages queued for a lost peer: on a loss it also discards what had arrived
// and was not received yet, the peer's `end` for one. peer.c opens a new socket instead.
static void set_dealer(const struct edge *edge) {
    unsigned char id[ROUTING_ID_BYTES];
    if (getrandom(id, sizeof id, 0) != sizeof id) bug("getrandom: %s", strerror(errno));
    id[0] |= 1; // ids that begin with zero are ZeroMQ's own
    zmq_setsockopt(edge->socket, ZMQ_ROUTING_ID, id, sizeof id);
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

static int monitor_open(struct edge *edge) {
    char address[64];
    snprintf(address, sizeof address, "inproc://monitor-%d", edge->hub->monitors++);
    edge->monitor = zmq_socket(edge->hub->context, ZMQ_PAIR);
    if (!edge->monitor || zmq_socket_monitor(edge->socket, address, WATCHED_EVENTS) ||
        zmq_connect(edge->monitor, address))
        return error(EXIT_RUN, "edge %s: its connection cannot be monitored: %s", edge->name, zmq_strerror(errno));
    return 0;
}

static int bind_or_connect(struct edge *edge) {
    const char *address = edge->endpoint.address;
    if (!edge_is_router(edge)) {
        if (zmq_connect(edge->socket, address) == 0) return 0;
        return error(EXIT_USAGE, "--%s %s: cannot connect: %s", edge->name, address, zmq_strerror(errno));
    }
    int status = endpoint_claim(&edge->endpoint, edge->name);
    if (status || zmq_bind(edge->socket, address) == 0) return status;
    return error(EXIT_USAGE, "--%s %s: cannot listen: %s", edge->name, address, zmq_strerror(errno));
}

static int open_socket(struct edge *edge) {
    edge->socket = zmq_socket(edge->hub->context, edge_is_router(edge) ? ZMQ_ROUTER : ZMQ_DEALER);
    if (!edge->socket) return error(EXIT_RUN, "edge %s: no socket: %s", edge->name, zmq_strerror(errno));
    set_common(edge);
    if (edge_is_router(edge))
        set_router(edge);
    else
        set_dealer(edge);
    int status = socket_protect(edge->hub, edge->socket, &edge->endpoint, edge->name, edge_is_router(edge));
    if (status == 0 && !edge_is_router(edge)) status = monitor_open(edge);
    return status ? status : bind_or_connect(edge);
}

// The first message of every connection. Queued until there is one.
static void say_hello(struct edge *edge) {
    const struct peer unknown = {.identity.size = 0, .role = "the other end"};
    struct message *hello = hub_message(edge->hub, MESSAGE_HELLO);
    message_set_text(hello, "edge", edge->name);
    message_set_int(hello, "fingerprint", (int64_t)edge->hub->config.fingerprint);
    socket_send(edge, &unknown, &hello);
}

int socket_open(struct edge *edge) {
    int status = open_socket(edge);
    edge->lost = false;
    edge->opened = edge->hub->clock;
    if (status == 0 && !edge_is_router(edge)) say_hello(edge);
    return status;
}

void socket_close(struct edge *edge, int linger_ms) {
    if (edge->monitor) zmq_close(edge->monitor);
    if (!edge->socket) return;
    if (linger_ms >= 0) set_int(edge->socket, ZMQ_LINGER, linger_ms);
    zmq_close(edge->socket);
    edge->socket = edge->monitor = NULL;
}

int socket_event(struct edge *edge) {
    struct {
        uint16_t event;
        unsigned char value[4];
    } report;
    char address[256];
    if (zmq_recv(edge->monitor, &report, sizeof report, ZMQ_DONTWAIT) < 0) return 0;
    zmq_recv(edge->monitor, address, sizeof address, 0);
    return report.event;
}

// --- Receiving

#define FRAMES (1 + WIRE_TENSORS)

struct frames {
    zmq_msg_t frame[FRAMES];
    int count; // all that came, of which FRAMES are kept
};

static void frames_release(struct frames *frames) {
    for (int i = 0; i < frames->count && i < FRAMES; i++) zmq_msg_close(&frames->frame[i]);
}

static bool receive_identity(void *socket, struct identity *identity, bool *more) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool came = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0;
    if (came) {
        identity->size = zmq_msg_size(&frame);
        memcpy(identity->bytes, zmq_msg_data(&frame), identity->size);
        *more = zmq_msg_more(&frame);
    }
    zmq_msg_close(&frame);
    return came;
}

// The frames behind the identity. A multipart message arrives whole or not at all.
static bool receive_frames(void *socket, struct frames *frames) {
    for (bool more = true; more; frames->count++) {
        zmq_msg_t spare, *frame = frames->count < FRAMES ? &frames->frame[frames->count] : &spare;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            return false;
        }
        more = zmq_msg_more(frame);
        if (frame == &spare) zmq_msg_close(frame);
    }
    return true;
}

static bool tensors_fit(const struct message *message, const int64_t *lengths, struct frames *frames, char *reason) {
    if (frames->count - 1 != message->tensor_count) {
        snprintf(reason, WIRE_REASON, "%d frames follow a header that names %d tensors", frames->count - 1,
                 message->tensor_count);
        return false;
    }
    for (int i = 0; i < message->tensor_count; i++)
        if (zmq_msg_size(&frames->frame[1 + i]) != (size_t)lengths[i]) {
            snprintf(reason, WIRE_REASON, "tensor '%.40s' has a frame of %zu bytes where the header makes it %lld",
                     message->tensor[i].name, zmq_msg_size(&frames->frame[1 + i]), (long long)lengths[i]);
            return false;
        }
    return true;
}

static void decode(struct arrival *arrival, struct frames *frames) {
    int64_t lengths[WIRE_TENSORS];
    struct message *message = message_new(MESSAGE_PROBE, (struct unit){0});
    zmq_msg_t *header = &frames->frame[0];
    if (message_decode_header(message, lengths, zmq_msg_data(header), zmq_msg_size(header), arrival->reason) ||
        !tensors_fit(message, lengths, frames, arrival->reason)) {
        message_free(&message);
        return;
    }
    for (int i = 0; i < message->tensor_count; i++) storage_own_frame(message, &frames->frame[1 + i]);
    arrival->message = message;
}

void count_message(const struct message *message, size_t header, int64_t *messages, int64_t *bytes) {
    if (message->kind == MESSAGE_PROBE) return;
    *messages += 1;
    *bytes += (int64_t)header;
    for (int i = 0; i < message->tensor_count; i++)
        *bytes += message->shared[i] ? (int64_t)sizeof(struct shared_place) : tensor_bytes(&message->tensor[i]);
}

bool socket_receive(struct edge *edge, struct arrival *arrival) {
    struct frames frames = {.count = 0};
    bool more = true;
    arrival->message = NULL;
    arrival->identity.size = 0;
    if (edge_is_router(edge) && !receive_identity(edge->socket, &arrival->identity, &more)) return false;
    if (!more) {
        snprintf(arrival->reason, WIRE_REASON, "a message without a header");
        return true;
    }
    if (!receive_frames(edge->socket, &frames)) return false;
    size_t header = zmq_msg_size(&frames.frame[0]);
    struct hub_counters *counters = &edge->hub->counters;
    decode(arrival, &frames);
    if (arrival->message) count_message(arrival->message, header, &counters->messages_in, &counters->bytes_in);
    frames_release(&frames);
    return true;
}

// --- Sending

static bool send_part(void *socket, zmq_msg_t *frame, bool more) {
    int sent;
    do sent = zmq_msg_send(frame, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    while (sent < 0 && zmq_errno() == EINTR);
    return sent >= 0;
}

static bool send_bytes(void *socket, const void *bytes, size_t size, bool more) {
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size)) die(EXIT_RUN, "out of memory for a message of %zu bytes", size);
    memcpy(zmq_msg_data(&frame), bytes, size);
    bool sent = send_part(socket, &frame, more);
    if (!sent) zmq_msg_close(&frame);
    return sent;
}

// Only the first part can fail: without a high-water mark the rest of a message follows it.
static bool send_parts(struct edge *edge, const struct identity *identity, struct message *message) {
    struct buffer header = {0};
    struct hub_counters *counters = &edge->hub->counters;
    int tensors = message->tensor_count;
    message_encode_header(message, &header);
    bool sent = identity->size == 0 || send_bytes(edge->socket, identity->bytes, identity->size, true);
    sent = sent && send_bytes(edge->socket, header.bytes, header.size, tensors > 0);
    for (int i = 0; i < tensors && sent; i++)
        sent = send_part(edge->socket, &message->storage->frame[i], i + 1 < tensors);
    if (sent) count_message(message, header.size, &counters->messages_out, &counters->bytes_out);
    buffer_release(&header);
    return sent;
}

bool socket_reply(struct edge *edge, const struct identity *identity, struct message **message) {
    bool sent = send_parts(edge, identity, *message);
    trace_message(edge, sent ? "->" : "-/->", "a connection", *message);
    message_free(message);
    return sent;
}

bool socket_send(struct edge *edge, const struct peer *peer, struct message **message) {
    bool sent = send_parts(edge, &peer->identity, *message);
    trace_message(edge, sent ? "->" : "-/->", peer->role, *message);
    message_free(message);
    return sent;
}
