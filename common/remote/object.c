// What an object's name says of where it is, and what can be said of it without reading it.
#include "remote/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "remote/failure.h"
#include "remote/local.h"
#include "remote/server.h"

enum object_kind object_kind_of(const char *url) {
    static const struct {
        const char *prefix;
        enum object_kind kind;
    } kinds[] = {{"http://", OBJECT_HTTP}, {"https://", OBJECT_HTTP}, {"s3://", OBJECT_S3}, {"pipe:", OBJECT_PIPE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(url, kinds[i].prefix, strlen(kinds[i].prefix))) return kinds[i].kind;
    return OBJECT_FILE;
}

void object_release(struct object *object) {
    free(object->url);
    free(object->tag);
    *object = (struct object){.bytes = -1};
}

static int look_at_file(struct object *object, bool *there, struct failure *failure) {
    struct stat info;
    const int missing = stat(object->url, &info) ? errno : 0;
    *there = !missing;
    if (missing == ENOENT || missing == ENOTDIR) return 0;
    if (missing) return failure_set(failure, EXIT_DATA, "%s: cannot be read: %s", object->url, strerror(missing));
    if (!S_ISREG(info.st_mode)) return failure_set(failure, EXIT_DATA, "%s: not a regular file", object->url);
    object->bytes = info.st_size;
    object->tag = local_tag(&info);
    return 0;
}

static int look(struct object *object, const struct remote_options *options, bool *there, struct failure *failure) {
    *there = true;
    switch (object_kind_of(object->url)) {
    case OBJECT_FILE: return look_at_file(object, there, failure);
    case OBJECT_PIPE: return 0;
    default: return server_look(object, options, there, failure);
    }
}

int object_look(struct object *object, const char *url, const struct remote_options *options, bool *there) {
    const struct remote_options chosen = options ? *options : REMOTE_DEFAULTS;
    struct failure failure;
    *object = (struct object){.url = xstrdup(url), .bytes = -1};
    if (!look(object, &chosen, there, &failure)) return 0;
    object_release(object);
    return failure_report(&failure);
}
