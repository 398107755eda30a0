// What bytes are that no codec here is for.
#pragma once

#include <stddef.h>

// Words for a reason, static: "a GIF", "a Git LFS pointer (git lfs pull fetches the picture)". NULL when they are
// nothing known.
const char *foreign_name(const void *bytes, size_t size);
