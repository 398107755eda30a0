// Many objects, read in places. What is read is from an object of the length, tag and hash that the caller knows, or an
// error: never other bytes. The hash is that of a whole object, so it is the cache that holds it to that.
//
// Without a cache each read is a range of one object over a connection that is kept. With one, objects are fetched
// whole and kept in the folder, which all processes of the host share: one fetches an object, the others wait; a part
// that a dead process left is gone on with; a name is only given to what is whole and has the right length, tag and
// hash. To stay in its bounds the cache gives up what was used least recently.
#pragma once

#include "base/memory.h"
#include "remote/object.h"

struct objects;
// `object` [count] is borrowed until objects_close; so are the options' texts. -EXIT_USAGE where the cache cannot hold
// the largest object, or cannot be written.
int objects_open(struct objects **objects, const struct object *object, int count,
                 const struct remote_options *options);
void objects_close(struct objects **objects);

// Appends `size` bytes from `offset` of object `number`. Any thread may ask. 0, or -EXIT_DATA (changed, missing, cut, a
// place beyond its end) or -EXIT_RUN (not reached), reported.
int objects_read(struct objects *objects, int number, int64_t offset, size_t size, struct buffer *bytes);

// The objects that are needed, those being read and the next ones, in that order: a thread fetches those that the cache
// lacks, as many as it holds at once. Replaces what was asked before. Nothing without a cache, of files, or where it
// cannot hold them.
void objects_ahead(struct objects *objects, const int *number, int count);
