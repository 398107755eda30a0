// A whole file of others, of which nothing is known but its path.
#pragma once

#include "base/memory.h"

// Replaces `bytes` by a regular file of at most `limit` bytes; NULL, or why not, which the caller frees. `option` sets
// the limit and is named then; NULL: none does.
char *load_file(struct buffer *bytes, const char *path, size_t limit, const char *option);
// The same reason for what has come another way.
char *load_too_large(size_t size, size_t limit, const char *option);
