// What an object's name says of where it is.
#include "remote/object.h"

#include <stdlib.h>
#include <string.h>

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
