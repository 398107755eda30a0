// How much of a cache an order of samples needs.
#pragma once

#include "dataset/store.h"

// Bytes of the objects that are needed at once, 0 without objects: of all in global order (window 0), in blocks of two
// windows of each store, the one that is read and the one that comes, whichever parts are in them.
int64_t cache_need(struct store *const *store, int count, int64_t window);
// 0, or -EXIT_USAGE where the cache is smaller, with what would fit. Without a cache 0.
int cache_check(struct store *const *store, int count, int64_t window, const struct remote_options *remote);
