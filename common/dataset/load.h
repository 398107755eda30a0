// A whole file of others, of which nothing is known but its path.
#pragma once

#include "base/memory.h"

// Replaces `bytes` by a regular file of at most `limit` bytes; NULL, or why not, which the caller frees.
char *load_file(struct buffer *bytes, const char *path, size_t limit);
