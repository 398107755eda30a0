// A shard where pictures can be read from it in place: the file itself, or a copy in the job's scratch folder of what
// is compressed or elsewhere.
#pragma once

#include "shards.h"

struct plain {
    char *path;
    char *pictures; // where pictures go that stand in JSON; made when there is one
    char *identity; // changes with what the shard holds, as far as its size, time or tag tell
    bool is_copy;
};
// 0; -EXIT_DATA or -EXIT_RUN, reported. plain_close in any case.
int plain_open(struct plain *plain, const struct shard *shard, const char *scratch);
void plain_close(struct plain *plain); // removes copies

// Copies an object to a file, whole. 0; -EXIT_DATA, reported: it cannot be had; -EXIT_RUN.
int plain_fetch(const char *url, const char *path);
