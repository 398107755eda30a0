// Files that many stretches are read from: a few stay open, as pictures that lie in one shard come one after another.
#pragma once

#include "base/memory.h"

enum { OPEN_FILES = 8 };
struct open_files {
    struct open_file {
        char *path; // NULL: none
        int descriptor;
        int64_t used; // when, in reads
    } file[OPEN_FILES];
    int64_t reads;
};
void open_files_close(struct open_files *files);

// Replaces `bytes` by so many of a regular file, at most `limit`, which `option` sets. NULL, or why not, which the
// caller frees.
char *open_files_read(struct open_files *files, struct buffer *bytes, const char *path, int64_t offset, int64_t length,
                      size_t limit, const char *option);
