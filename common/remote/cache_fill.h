// Fills a cache's files; cache.c reads them.
#pragma once

#include "base/hash.h"
#include "remote/cache_book.h"
#include "remote/object.h"

// All that is in the file, and how much; -1: it cannot be read.
int cache_hash_file(int fd, struct hash_stream *hash, int64_t *size);

// Fetches what the part `name`, open as fd and this process's (cache_book_take), lacks of the object, checks length and
// hash, and gives the file its name. 0, or -code; a part that is only late is left for whoever goes on with it, and one
// that is wrong or has no room is removed.
int cache_fill(const struct cache_book *book, const struct remote_options *options, const struct object *object,
               const char *name, int fd, struct failure *failure);
