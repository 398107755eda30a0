// Reads in places of many objects, by what each of them is.
#include "remote/objects.h"

#include <stdlib.h>

#include "base/memory.h"
#include "remote/ahead.h"
#include "remote/descriptors.h"
#include "remote/local.h"
#include "remote/server.h"

struct objects {
    const struct object *object;
    int count;
    struct remote_options options;
    struct descriptors *files;
    struct cache *cache; // NULL: none, as ahead
    struct ahead *ahead;
};

static int open_file(void *context, int number, struct failure *failure) {
    const struct objects *self = context;
    return local_open(self->object[number].url, failure);
}

static int read_file(void *context, int number, int fd, int64_t offset, void *bytes, size_t size,
                     struct failure *failure) {
    const struct objects *self = context;
    return local_read(fd, &self->object[number], offset, bytes, size, failure);
}

int objects_open(struct objects **objects, const struct object *object, int count,
                 const struct remote_options *options) {
    struct objects *self = *objects = xcalloc(1, sizeof *self);
    *self = (struct objects){.object = object, .count = count, .options = options ? *options : REMOTE_DEFAULTS};
    descriptors_open(&self->files, (struct descriptor_calls){self, open_file, read_file});
    if (!self->options.cache) return 0;
    struct failure failure;
    if (cache_open(&self->cache, object, count, &self->options, &failure)) {
        objects_close(objects);
        return failure_report(&failure);
    }
    ahead_open(&self->ahead, self->cache, object, &self->options);
    return 0;
}

void objects_close(struct objects **objects) {
    struct objects *self = *objects;
    if (!self) return;
    ahead_close(&self->ahead);
    cache_close(&self->cache);
    descriptors_close(&self->files);
    free(self);
    *objects = NULL;
}

static int check_place(const struct object *object, int64_t offset, size_t size, struct failure *failure) {
    const bool known = object->bytes >= 0;
    if (offset >= 0 && size <= INT64_MAX && offset <= INT64_MAX - (int64_t)size &&
        (!known || (offset <= object->bytes && (int64_t)size <= object->bytes - offset)))
        return 0;
    return failure_set(failure, EXIT_DATA, "%s: %zu bytes from %lld on are beyond its end at %lld; index again",
                       object->url, size, (long long)offset, (long long)object->bytes);
}

static int read_range(struct objects *self, int number, int64_t offset, char *bytes, size_t size,
                      struct failure *failure) {
    const struct object *object = &self->object[number];
    struct source *source = server_open(object, offset, offset + (int64_t)size, &self->options);
    ssize_t got;
    size_t had = 0;
    while ((got = source->read(source, bytes + had, size - had, failure)) > 0) had += (size_t)got;
    source->close(source);
    return (int)got;
}

static int read_some(struct objects *self, int number, int64_t offset, char *bytes, size_t size,
                     struct failure *failure) {
    const struct object *object = &self->object[number];
    switch (object_kind_of(object->url)) {
    case OBJECT_FILE: return descriptors_read(self->files, number, offset, bytes, size, failure);
    case OBJECT_PIPE:
        return failure_set(failure, EXIT_USAGE,
                           "%s: a command's output has no places to read from; write it to a file or a server first",
                           object->url);
    default:
        if (self->cache && cache_takes(object))
            return cache_read(self->cache, number, offset, bytes, size, failure);
        return read_range(self, number, offset, bytes, size, failure);
    }
}

int objects_read(struct objects *self, int number, int64_t offset, size_t size, struct buffer *bytes) {
    struct failure failure;
    if (number < 0 || number >= self->count) bug("object %d of %d", number, self->count);
    if (check_place(&self->object[number], offset, size, &failure)) return failure_report(&failure);
    const size_t before = bytes->size;
    buffer_reserve(bytes, size);
    const int status = size ? read_some(self, number, offset, bytes->bytes + before, size, &failure) : 0;
    if (!status) bytes->size = before + size;
    bytes->bytes[bytes->size] = 0;
    return status ? failure_report(&failure) : 0;
}

void objects_ahead(struct objects *self, const int *number, int count) {
    if (self->ahead) ahead_ask(self->ahead, number, count);
}
