// Bytes of somebody else.
#pragma once

#include <stddef.h>

struct span {
    const void *bytes;
    size_t size;
};
