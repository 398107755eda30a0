// Objects that are files of this host. Private.
#pragma once

#include <sys/stat.h>

#include "remote/failure.h"

char *local_tag(const struct stat *info); // the caller frees
// Opens a regular file for reading: the descriptor, or -EXIT_DATA (or -EXIT_RUN when descriptors ran out).
int local_open(const char *path, struct failure *failure);
// 0 where the open file is of the length and tag that are known, else -EXIT_DATA.
int local_check(int fd, const struct object *known, struct failure *failure);
// Exactly `size` bytes from `offset`, all of them below the length that is known. 0 or -EXIT_DATA.
int local_read(int fd, const struct object *known, int64_t offset, void *bytes, size_t size, struct failure *failure);
