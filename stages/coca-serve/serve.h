// What the files of coca-serve share.
#pragma once

#include "dataset/spool_writer.h"
#include "wire/ahead.h"

#define CLIENT_ID 255 // bytes of a connection's identity, ZeroMQ's limit
#define TAG_LIMIT 256 // bytes of a request's "id", as JSON
#define REASON 256

// ---- clients.c: requests in, replies out. Frames: [an empty one, of REQ sockets] a JSON header, a payload.

struct client {
    unsigned char id[CLIENT_ID];
    size_t id_size;
    bool delimiter;      // an empty frame stood before the header, and must again
    char tag[TAG_LIMIT]; // the request's "id" as JSON, or ""
};

struct request {
    struct client client;
    char task[32];
    void *payload; // the caller frees
    size_t size;
    char wrong[REASON]; // why it cannot be understood, or ""
};

// The next request; false when none is there.
bool clients_receive(void *socket, struct request *request);
// Each sends one reply; false when the client is gone, or does not read.
bool clients_reply_text(void *socket, const struct client *client, const char *key, const char *text);
bool clients_reply_floats(void *socket, const struct client *client, const float *value, int64_t count);
bool clients_reply_error(void *socket, const struct client *client, const char *status, const char *why);
bool clients_reply_json(void *socket, const struct client *client, const char *json);

// ---- lane.c: one task: a list that its workers read, and the edge on which its results are asked for

struct pending {
    struct client client;
    int64_t line; // of the lane's list
};

struct lane {
    const char *task;
    const char *list;   // file
    const char *role;   // whose results are asked for
    bool pictures;      // payloads are files in `list`.pictures, named by line; else texts
    bool floats;        // results are embeddings
    struct ahead ahead; // without an edge: this task is not served
    struct spool_writer writer;
    double since;            // when the batch was begun
    int32_t asked;           // batches
    struct pending *pending; // [capacity]
    int pending_count, capacity;
};

int lane_open(struct lane *lane, struct hub *hub, const char *address, int batch, int capacity); // 0 or -exit_code
void lane_close(struct lane *lane);
// Nobody may add a request, or this client may not: half of the places are its already.
bool lane_full(const struct lane *lane, const struct client *client);
// Takes a request's payload. 0, or -exit_code with `why`: it could not be stored.
int lane_add(struct lane *lane, const struct request *request, char why[REASON]);
// Ends the batch after max_wait seconds, and asks for whole ones. 0 or -exit_code.
int lane_advance(struct lane *lane, double max_wait);
// Answers what has come, adding to the counts. 0 or -exit_code.
struct tally {
    int64_t answered, refused, malformed, failed, unread; // failed: a picture that does not decode; unread: client gone
};
int lane_answer(struct lane *lane, void *socket, struct tally *tally);
