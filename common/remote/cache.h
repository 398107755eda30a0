// Objects of servers, whole in a folder that the host's processes share. Private.
#pragma once

#include "remote/failure.h"

struct cache;
// All is borrowed until cache_close, the options too. 0 or -EXIT_USAGE: it cannot hold the largest, or cannot be written.
int cache_open(struct cache **cache, const struct object *object, int count, const struct remote_options *options,
               struct failure *failure);
void cache_close(struct cache **cache);

bool cache_takes(const struct object *object); // from a server, with a length
// Of objects that it takes, any thread. `stopped` comes with the options of the thread that asks.
int cache_read(struct cache *cache, int number, int64_t offset, char *bytes, size_t size, struct failure *failure);
// For whoever comes later: what another is fetching already is left to it.
int cache_fetch(struct cache *cache, const struct remote_options *options, int number, struct failure *failure);
void cache_touch(struct cache *cache, int number); // as a use of it, if it is there
