// Objects from the first byte to the last, whichever kind of source they have.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "remote/server.h"

struct object_stream {
    struct object *object;
    struct remote_options options;
    struct source *source;
    struct hash_stream hash;
    int64_t at;
    int outcome; // 1: being read, 0: read to its end, or -code
};

static int open_source(struct object_stream *self, struct failure *failure) {
    switch (object_kind_of(self->object->url)) {
    case OBJECT_FILE: return source_open_file(&self->source, self->object, failure);
    case OBJECT_PIPE: return source_open_pipe(&self->source, self->object, failure);
    default: self->source = server_open(self->object, 0, -1, &self->options); return 0;
    }
}

int object_stream_open(struct object_stream **stream, struct object *object, const struct remote_options *options) {
    struct object_stream *self = xcalloc(1, sizeof *self);
    struct failure failure;
    *self = (struct object_stream){.object = object, .options = options ? *options : REMOTE_DEFAULTS, .outcome = 1};
    hash_stream_begin(&self->hash);
    if (open_source(self, &failure)) {
        free(self);
        *stream = NULL;
        return failure_report(&failure);
    }
    self->source->known = object;
    self->source->options = &self->options;
    *stream = self;
    return 0;
}

static int check_whole(struct object_stream *self, struct failure *failure) {
    const struct object *known = self->object;
    if (known->bytes >= 0 && self->at > known->bytes)
        return failure_set(failure, EXIT_DATA, "%s: has more than its %lld bytes; restore it, or index again",
                           known->url, (long long)known->bytes);
    if (known->bytes >= 0 && known->bytes != self->at)
        return failure_set(failure, EXIT_DATA, "%s: ends after %lld bytes instead of %lld; restore it, or index again",
                           known->url, (long long)self->at, (long long)known->bytes);
    if (known->is_hashed && known->hash != hash_stream_end(&self->hash))
        return failure_set(failure, EXIT_DATA,
                           "%s: its bytes are others than were indexed (XXH64 %016llx instead of %016llx); restore it, "
                           "or index again",
                           known->url, (unsigned long long)hash_stream_end(&self->hash),
                           (unsigned long long)known->hash);
    return 0;
}

static int finish(struct object_stream *self, struct failure *failure) {
    char *tag = NULL;
    int status = self->source->end(self->source, &tag, failure);
    if (!status) status = check_whole(self, failure);
    if (status) {
        free(tag);
        return status;
    }
    struct object *object = self->object;
    object->bytes = self->at;
    object->hash = hash_stream_end(&self->hash);
    object->is_hashed = true;
    if (tag) {
        free(object->tag);
        object->tag = tag;
    }
    return 0;
}

ssize_t object_stream_read(struct object_stream *self, void *bytes, size_t size) {
    struct failure failure;
    if (self->outcome <= 0 || !size) return self->outcome <= 0 ? self->outcome : 0;
    const ssize_t got = self->source->read(self->source, bytes, size, &failure);
    if (got > 0) self->at += got;
    if (got > 0 && (self->object->bytes < 0 || self->at <= self->object->bytes)) {
        hash_stream_add(&self->hash, bytes, (size_t)got);
        return got;
    }
    self->outcome = got > 0 ? check_whole(self, &failure) : got ? (int)got : finish(self, &failure);
    return self->outcome ? failure_report(&failure) : 0;
}

void object_stream_close(struct object_stream **stream) {
    if (!*stream) return;
    (*stream)->source->close((*stream)->source);
    free(*stream);
    *stream = NULL;
}
