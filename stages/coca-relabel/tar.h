// A tar as bytes: where each member lies, so that members can be copied as they came. Understands ustar, GNU's long
// names and pax headers. libarchive reads members but does not say where their bytes are, and writes them anew.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

enum { TAR_BLOCK = 512 };

struct tar_member {
    int64_t begin, header, data, end; // begin: with headers that extend its own; end: with what fills the last block
    int64_t size;
    bool is_file;
    bool extends_size; // a header before its own gives the size
    char *name;        // of the tar; until the next tar_next
};

struct tar;
int tar_open(struct tar **tar, const char *path, const char *shown); // 0 or -EXIT_DATA, reported under the name `shown`
void tar_close(struct tar **tar);
int tar_next(struct tar *tar, struct tar_member *member); // 1; 0 at the end; -EXIT_DATA: cut, or not a tar
// Replaces `bytes`. 0 or -EXIT_DATA.
int tar_read(struct tar *tar, int64_t offset, int64_t size, struct buffer *bytes);

// Appends the headers of a file `name` of `size` bytes that is as the member whose header is `like` in all else.
void tar_header(struct buffer *out, const char like[TAR_BLOCK], const char *name, int64_t size);
// Appends a header with another size, which is otherwise `like`.
void tar_resize(struct buffer *out, const char like[TAR_BLOCK], int64_t size);
static inline int64_t tar_padded(int64_t size) {
    return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}
