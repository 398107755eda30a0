// The shards that an index is made of, with what others say of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "remote/object.h"

struct shard_of_list {
    char *path;
    char *index;            // file that was named with it; NULL: none was
    int64_t samples, bytes; // that a list says it has; −1: none does
    struct object object;   // once it was looked at; lives as long as the list
};
struct shards {
    struct shard_of_list **shard;
    size_t count;
};
// Adds what an operand names: a path, url or pattern as of paths_expand; an index file (X.idx, X.tar.idx, X.json),
// which stands for X.tar; or a list of shards that wids reads, whose relative names are meant from where it lies. 0,
// -EXIT_USAGE or -EXIT_DATA, reported.
int shards_add(struct shards *shards, const char *operand);
void shards_release(struct shards *shards);

// Appends the whole of an object, at most `limit` bytes. 0 or -exit_code, reported.
int shards_load(struct buffer *bytes, const char *url, size_t limit);
