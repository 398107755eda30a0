// The encoded bytes of a picture that a path names.
#pragma once

#include "base/memory.h"

#define PICTURE_BYTES_LIMIT (256 << 20)
#define PICTURE_REASON 160

// 0, or -EXIT_DATA with `reason` filled and nothing printed: missing, unreadable, not a file, empty, too large.
int picture_file_read(const char *path, struct buffer *bytes, char reason[PICTURE_REASON]);
