// Requests of clients and replies to them. Clients are strangers, unlike peers: no hello, no codec, but ZeroMQ frames
// that any language can make, and anything may be in them. What is wrong with a request is said in a reply; it never
// ends the server. coca-serve.c asks for requests, one at a time; lane.c sends the results.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/memory.h"
#include "serve.h"

enum { HEADER_LIMIT = 64 << 10, FRAMES = 5 };

// ---- requests

static bool receive_frame(void *socket, zmq_msg_t *frame, bool *more, int flags) {
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, socket, flags) < 0) {
        zmq_msg_close(frame);
        return false;
    }
    *more = zmq_msg_more(frame);
    return true;
}

// A ROUTER puts the client's identity in front; a REQ socket an empty frame behind it, which it wants back; a DEALER
// none. All frames of a message must be taken, or the next one would begin in its middle.
// All frames of one message, FRAMES kept; the count may be more.
static int receive_frames(void *socket, zmq_msg_t frame[FRAMES]) {
    int count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t spare, *into = count < FRAMES ? &frame[count] : &spare;
        if (!receive_frame(socket, into, &more, count ? 0 : ZMQ_DONTWAIT)) break;
        if (count >= FRAMES) zmq_msg_close(&spare);
        count++;
    }
    return count;
}

// The first thing that is wrong is said; the rest follows from it.
static void wrong(struct request *request, const char *why) {
    if (!request->wrong[0]) snprintf(request->wrong, REASON, "%s", why);
}

// The client's id may be any JSON: it is kept as text and sent back as it came.
static void read_tag(struct request *request, const json_t *header) {
    const json_t *id = json_object_get(header, "id");
    char *text = id ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (text && strlen(text) >= TAG_LIMIT) wrong(request, "\"id\" is too long");
    if (text && strlen(text) < TAG_LIMIT) strcpy(request->client.tag, text);
    free(text);
}

// NULL for what is no JSON: jansson's getters give NULL of NULL, and each lack is told once.
static void read_header(struct request *request, zmq_msg_t *frame) {
    json_t *header = zmq_msg_size(frame) > HEADER_LIMIT
                         ? NULL
                         : json_loadb(zmq_msg_data(frame), zmq_msg_size(frame), JSON_REJECT_DUPLICATES, NULL);
    const char *task = json_string_value(json_object_get(header, "task"));
    if (!json_is_object(header)) wrong(request, "the header is no JSON object");
    read_tag(request, header);
    if (!task) wrong(request, "the header has no \"task\"");
    if (task) snprintf(request->task, sizeof request->task, "%s", task);
    json_decref(header);
}

static void read_payload(struct request *request, zmq_msg_t *frame) {
    request->size = zmq_msg_size(frame);
    request->payload = xmalloc(request->size + 1);
    memcpy(request->payload, zmq_msg_data(frame), request->size);
}

// Something is made of every message, so that even a request that is wrong is answered, with its id where there is one.
static void read_frames(struct request *request, zmq_msg_t *frame, int count) {
    struct client *client = &request->client;
    client->id_size = zmq_msg_size(&frame[0]);
    memcpy(client->id, zmq_msg_data(&frame[0]), client->id_size);
    client->delimiter = count > 1 && zmq_msg_size(&frame[1]) == 0;
    int header = client->delimiter ? 2 : 1, left = count - header;
    if (left < 1 || left > 2) wrong(request, "a request is a header and a payload");
    if (left >= 1) read_header(request, &frame[header]);
    if (left == 2) read_payload(request, &frame[header + 1]);
}

bool clients_receive(void *socket, struct request *request) {
    zmq_msg_t frame[FRAMES];
    int count = receive_frames(socket, frame), kept = count < FRAMES ? count : FRAMES;
    if (!count) return false;
    *request = (struct request){.size = 0};
    read_frames(request, frame, count);
    for (int i = 0; i < kept; i++) zmq_msg_close(&frame[i]);
    return true;
}

// ---- replies

// Never waits: a client that is gone, or does not read, must not hold up the others. The first frame decides, as a
// ROUTER takes a message whole or not at all.
static bool send_frames(void *socket, const struct client *client, const char *header, const void *payload,
                        size_t size) {
    const int flags = ZMQ_DONTWAIT | ZMQ_SNDMORE;
    if (zmq_send(socket, client->id, client->id_size, flags) < 0) return false;
    if (client->delimiter && zmq_send(socket, "", 0, flags) < 0) return false;
    if (zmq_send(socket, header, strlen(header), payload ? flags : ZMQ_DONTWAIT) < 0) return false;
    return !payload || zmq_send(socket, payload, size, ZMQ_DONTWAIT) >= 0;
}

static bool reply(void *socket, const struct client *client, json_t *header, const void *payload, size_t size) {
    if (client->tag[0]) json_object_set_new(header, "id", json_loads(client->tag, JSON_DECODE_ANY, NULL));
    char *text = json_dumps(header, JSON_COMPACT);
    bool sent = send_frames(socket, client, text, payload, size);
    free(text);
    json_decref(header);
    return sent;
}

// A caption that is not UTF-8 cannot be JSON: its reply is empty rather than missing.
bool clients_reply_text(void *socket, const struct client *client, const char *key, const char *text) {
    json_t *value = json_string(text);
    return reply(socket, client, json_pack("{s:s, s:o}", "status", "ok", key, value ? value : json_string("")), NULL,
                 0);
}

bool clients_reply_floats(void *socket, const struct client *client, const float *value, int64_t count) {
    json_t *header = json_pack("{s:s, s:s, s:[I]}", "status", "ok", "dtype", "f32", "shape", (json_int_t)count);
    return reply(socket, client, header, value, (size_t)count * sizeof *value);
}

bool clients_reply_error(void *socket, const struct client *client, const char *status, const char *why) {
    json_t *text = json_string(why);
    return reply(socket, client, json_pack("{s:s, s:o}", "status", status, "error", text ? text : json_string("?")),
                 NULL, 0);
}

bool clients_reply_json(void *socket, const struct client *client, const char *json) {
    return reply(socket, client, json_loads(json, 0, NULL), NULL, 0);
}
