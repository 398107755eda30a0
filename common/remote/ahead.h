// A thread that fetches into a cache what is needed next. Private.
#pragma once

#include "remote/cache.h"

struct ahead;
void ahead_open(struct ahead **ahead, struct cache *cache, const struct object *object,
                const struct remote_options *options);
void ahead_close(struct ahead **ahead); // soon, also in the middle of an object
void ahead_ask(struct ahead *ahead, const int *number, int count);
