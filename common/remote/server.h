// Objects on servers. Private.
#pragma once

#include "remote/source.h"

// As object_look. `object` has its url; bytes and tag are filled in.
int server_look(struct object *object, const struct remote_options *options, bool *there, struct failure *failure);
// The bytes [from, to), to −1 for the end, of the object that is known, as a source: what is cut goes on where it
// ended. `known` and the options are borrowed until it is closed.
struct source *server_open(const struct object *known, int64_t from, int64_t to, const struct remote_options *options);
int server_put(const char *url, const char *path, const struct remote_options *options, struct failure *failure);
