// An object that holds a shard, wherever it is: a path, http(s)://HOST/…, s3://BUCKET/KEY, or pipe:COMMAND, whose
// output it is. Servers are reached by libcurl in lib/coca_remote.so, loaded when one is named; a build without it says
// so.
//
// s3:// is signed (SigV4) with what AWS's own tools take: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
// else [AWS_PROFILE or default] of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE
// (~/.aws/config); AWS_REGION, AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL for compatible servers, whose
// buckets are then the first part of the path. Without any keys requests are not signed.
//
// What fails in passing (no connection, 429, 5xx, a body that is cut, no byte for stall_seconds) is tried again, with a
// pause that doubles from 0.2 s to 10 s, each by chance half to whole; a body that was cut goes on where it ended, if
// the object has not changed, and 1 MiB that came makes the next failure the first one again. What is left of it is one
// error that names the object, what happened, how often, and a remedy.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum object_kind { OBJECT_FILE, OBJECT_HTTP, OBJECT_S3, OBJECT_PIPE };
enum object_kind object_kind_of(const char *url);

// What is known of an object, by which it is known again.
struct object {
    char *url;
    int64_t bytes; // −1: not known, as of a pipe
    char *tag;     // changes with the content: a server's ETag as it is sent, else its Last-Modified, a file's time of
                   // modification in ns; NULL: unknown
    uint64_t hash; // XXH64 of all its bytes
    bool is_hashed;
};
void object_release(struct object *object);

struct remote_options {
    const char *cache;     // folder of whole objects that this host's processes share; NULL: none
    int64_t cache_bytes;   // that it may hold, parts of objects among them
    int64_t retries;       // after the first attempt
    double stall_seconds;  // without a byte is a failure
    bool (*stopped)(void); // NULL, or whether to give up what waits and fail soon; asked often, by any thread
};
#define REMOTE_DEFAULTS ((struct remote_options){.retries = 8, .stall_seconds = 30})

// Asks what an object is, without reading it; `*there` is whether there is one (of a pipe always). `options` may be
// NULL: REMOTE_DEFAULTS. 0, then object_release; or -EXIT_DATA (refused, no such host, no credentials that are taken)
// or -EXIT_RUN (did not answer), reported.
int object_look(struct object *object, const char *url, const struct remote_options *options, bool *there);

// Its bytes from the first to the last. Where `object` knows length, tag or hash they are held to that; at the end,
// when a stream is whole, all three are filled in. `object` is borrowed until object_stream_close.
struct object_stream;
int object_stream_open(struct object_stream **stream, struct object *object, const struct remote_options *options);
// Up to `size` bytes; 0 at the end of a whole object; -EXIT_DATA (changed, missing, cut) or -EXIT_RUN, reported.
ssize_t object_stream_read(struct object_stream *stream, void *bytes, size_t size);
void object_stream_close(struct object_stream **stream); // at any time

// Writes the file `path` as an object: to a path aside and renamed, to a server in one PUT (5 GiB at most). 0, or
// -EXIT_RUN or -EXIT_DATA, reported.
int object_put(const char *url, const char *path, const struct remote_options *options);
