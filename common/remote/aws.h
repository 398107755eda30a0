// What AWS's own tools take from the environment and from their files. Private.
#pragma once

#include "base/memory.h"

struct aws {
    char *key_id, *secret, *token; // NULL: none; without key_id requests are not signed
    char *from;                    // where the keys are from, for messages
    char *region, *endpoint;       // endpoint NULL: AWS's own
};
void aws_read(struct aws *aws); // anew each time, since keys that expire are replaced in the files
void aws_release(struct aws *aws);

// The URL of an object: BUCKET is a part of the host's name at AWS, the first part of the path elsewhere, or where it
// holds a dot, for which no certificate is good. The caller frees.
char *aws_url(const struct aws *aws, const char *bucket, size_t bucket_size, const char *key);
void aws_encode(struct buffer *out, const char *key); // %XX for all but letters, digits, "-._~" and "/"
