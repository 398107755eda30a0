// Multipart messages on links: [identity at a ROUTER] header, a frame for each tensor. What comes is decoded and
// checked here, so that those above see messages or a reason; what goes out gets its sender here. Sending never waits:
// there is no high-water mark, and the rest of a message follows its first part.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "wire/link.h"
#include "wire/manner.h"
#include "wire/storage.h"

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

void frames_count(const struct message *message, size_t header, int64_t *messages, int64_t *bytes) {
    if (message->kind == MESSAGE_PROBE) return;
    *messages += 1;
    *bytes += (int64_t)header;
    for (int i = 0; i < message->tensor_count; i++)
        *bytes += message->shared[i] ? (int64_t)sizeof(struct shared_place) : tensor_bytes(&message->tensor[i]);
}

bool frames_receive(struct link *link, struct arrival *arrival) {
    struct frames frames = {.count = 0};
    bool more = true;
    arrival->message = NULL;
    arrival->identity.size = 0;
    if (link->edge->manner->binds && !receive_identity(link->socket, &arrival->identity, &more)) return false;
    if (!more) {
        snprintf(arrival->reason, WIRE_REASON, "a message without a header");
        return true;
    }
    if (!receive_frames(link->socket, &frames)) return false;
    size_t header = zmq_msg_size(&frames.frame[0]);
    struct hub_counters *counters = &link->edge->hub->counters;
    decode(arrival, &frames);
    if (arrival->message) frames_count(arrival->message, header, &counters->messages_in, &counters->bytes_in);
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

void frames_stamp(const struct hub *hub, struct message *message) {
    memcpy(message->run, hub->run, sizeof message->run);
    strcpy(message->from, hub->config.role);
    message->rank = hub->config.rank;
    message->generation = hub->generation;
}

struct message *frames_control(enum message_kind kind) {
    return message_new(kind, (struct unit){.step = -1, .microbatch = -1});
}

// Only the first part can fail: without a high-water mark the rest of a message follows it.
static bool send_parts(struct link *link, const struct identity *identity, struct message *message) {
    struct buffer header = {0};
    struct hub_counters *counters = &link->edge->hub->counters;
    int tensors = message->tensor_count;
    frames_stamp(link->edge->hub, message);
    message_encode_header(message, &header);
    bool sent = identity->size == 0 || send_bytes(link->socket, identity->bytes, identity->size, true);
    sent = sent && send_bytes(link->socket, header.bytes, header.size, tensors > 0);
    for (int i = 0; i < tensors && sent; i++)
        sent = send_part(link->socket, &message->storage->frame[i], i + 1 < tensors);
    if (sent) frames_count(message, header.size, &counters->messages_out, &counters->bytes_out);
    buffer_release(&header);
    return sent;
}

bool frames_reply(struct link *link, const struct identity *identity, struct message **message) {
    static const struct identity other_end = {.size = 0};
    bool sent = send_parts(link, identity ? identity : &other_end, *message);
    trace_message(link->edge, sent ? "->" : "-/->", (struct address){"a connection", 0}, *message);
    message_free(message);
    return sent;
}

bool frames_send(const struct peer *peer, struct message **message) {
    bool sent = send_parts(peer->link, &peer->identity, *message);
    trace_message(peer->link->edge, sent ? "->" : "-/->", peer_address(peer), *message);
    message_free(message);
    return sent;
}
