// A sample's encoded bytes, wherever they are: a record's fields, or the file or the stretch of one that a line of a
// list names.
#pragma once

#include "dataset/sources.h"
#include "open_files.h"

struct encoded {
    const struct span *item; // [count]: one video or picture, or several pictures
    int count;
    struct span one; // what `item` points to when it is one
};

struct encoded_options {
    const char *root;           // folder that relative paths of lines are under; NULL: the working directory
    size_t limit;               // bytes of one
    bool several;               // several pictures are wanted: `video` and `images` of a record come before `image`
    struct open_files *extents; // lines are extents (dataset/extent.h), of these files; NULL: paths
};

// Finds them; `file` holds what was read. 0, or -EXIT_DATA with the reason.
int encoded_find(struct encoded *encoded, struct buffer *file, const struct sample *sample,
                 const struct encoded_options *options, char *reason, size_t reason_size);
