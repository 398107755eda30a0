// What --from names: shards, and what each becomes.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

enum shard_kind { SHARD_TAR, SHARD_LINES, SHARD_FOLDER };
enum shard_format { FORMAT_LIKE_INPUT, FORMAT_TAR, FORMAT_LINES };

struct shard {
    char *from; // path, URL or pipe:COMMAND
    char *name; // of what it becomes
    char *own;  // its own name, which stands in its samples' names and so decides the draws
    enum shard_kind kind;
    bool is_remote;
    bool to_tar;
    const char *packed; // ending by which what it becomes is compressed, ".gz"; NULL: not
};
struct shards {
    struct shard *item;
    size_t count;
};

// `from` [count]: paths, URLs, parts joined by "::" (but not in pipe:COMMAND), brace ranges, patterns of files. 0 or
// -EXIT_USAGE, reported: nothing there, a name that says no format, two of one name, a format that cannot be made.
int shards_find(struct shards *shards, const struct strings *from, enum shard_format format);
void shards_release(struct shards *shards);
