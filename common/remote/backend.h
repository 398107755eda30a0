// Between the remote room and libcurl: one request at a time over connections that are kept. What is asked for, what an
// answer means and when to ask again is this room's affair. The shared object (curl/) takes nothing from the
// executable, so that any program can load it, and reports in words alone. Private.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct failure;

#define REMOTE_OBJECT "coca_remote.so"
#define REMOTE_OBJECT_ENTRY "remote_backend"

struct remote_request {
    const char *method; // HEAD, GET or PUT
    const char *url;
    const char *const *header;             // lines, up to NULL
    const char *sigv4, *key_id, *secret;   // "aws:amz:REGION:s3" and the keys; NULL: not signed
    int upload;                            // the descriptor of a file that a PUT sends
    int64_t upload_bytes;                  // from its start
    bool follow;                           // redirects
    double connect_seconds, stall_seconds; // within which there is a connection, and another byte
    bool (*stopped)(void);                 // or NULL
};

#define REMOTE_TAG 256
struct remote_answer {
    int status;           // of HTTP
    int64_t length;       // Content-Length, −1: none
    int64_t first, total; // Content-Range, −1: none, or "*"
    char tag[REMOTE_TAG]; // ETag, else Last-Modified; "": none, or longer
    char region[64];      // where the bucket is, when S3 says so
};

// Why there is no (more) answer.
enum remote_outcome {
    REMOTE_PASSING = 1, // may work at another time
    REMOTE_NO_HOST,     // its name has no address
    REMOTE_FINAL,
    REMOTE_STOPPED,
};

// The object exports one of these. `size` is what the three structs take: it was built for this executable when it is
// equal.
struct remote_backend {
    size_t size;
    void *(*open)(void); // NULL: no memory
    // Until an answer's headers are here: 0, then read up to end; or -outcome. The request is borrowed until end.
    int (*begin)(void *state, const struct remote_request *request, struct remote_answer *answer);
    ssize_t (*read)(void *state, void *bytes, size_t size); // of the body; 0: its end, or -outcome
    const char *(*reason)(const void *state);               // of the last outcome
    void (*end)(void *state); // at any time; the connection is kept where the body was read
    void (*close)(void *state);
};
#define REMOTE_BACKEND_SIZE                                                                                            \
    (sizeof(struct remote_backend) + sizeof(struct remote_request) + sizeof(struct remote_answer))

// NULL, with a failure that says how to get it, where the object is missing or of another build. Any thread may ask.
const struct remote_backend *remote_backend_load(struct failure *failure);
