// The bytes of a tar, for libarchive.
#pragma once

#include <archive.h>

#include "base/span.h"
#include "remote/object.h"

struct tar_input {
    struct archive *archive;
    struct object_stream *stream; // NULL: libarchive reads itself
    struct object own;            // of a stream whose object nobody keeps
    int status;                   // of the stream, which has reported
    char *block;
};
// `path` NULL: stdin. `object`, which is then `path`, is held to what is known of it and filled in
// (object_stream_open); NULL: nobody asks. 0 or -exit_code, reported; then tar_input_close either way.
int tar_input_open(struct tar_input *input, const char *path, struct object *object);
int tar_input_open_bytes(struct tar_input *input, const char *name, struct span bytes); // borrowed
void tar_input_close(struct tar_input *input);

// What libarchive failed with, reported with `more` behind it, unless the object has reported. -exit_code.
int tar_input_failed(const struct tar_input *input, const char *path, const char *more);
// Behind a first header: whether members have places in the file. 0 or -EXIT_DATA, reported.
int tar_input_check_places(const struct tar_input *input, const char *path);
int tar_input_end(struct tar_input *input); // takes what stands behind the tar's end, so that an object is whole
int tar_input_check(const char *path);      // reads a tar to its end: whether it is whole and its members have places
