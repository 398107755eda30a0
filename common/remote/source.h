// An object's bytes from the first to the last, one implementation for each kind. Private.
#pragma once

#include <sys/types.h>

#include "remote/failure.h"

struct source {
    const struct object *known; // borrowed, as are the options
    const struct remote_options *options;
    ssize_t (*read)(struct source *source, void *bytes, size_t size, struct failure *failure); // 0: the end, or -code
    // Behind the last byte: the tag, which the caller frees, or NULL. Where one is known it is the same. 0 or -code
    int (*end)(struct source *source, char **tag, struct failure *failure);
    void (*close)(struct source *source); // at any time
};

// 0 or -code. What is known of the object is not looked at.
int source_open_file(struct source **source, const struct object *known, struct failure *failure);
int source_open_pipe(struct source **source, const struct object *known, struct failure *failure);
