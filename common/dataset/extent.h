// A line of a list that names a stretch of a file: "OFFSET LENGTH NAME TAB PATH", numbers in decimal, as coca-relabel
// writes for pictures that lie in a shard. NAME, without tabs, stands for the sample in messages, drops and draws.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

struct extent {
    int64_t offset, length;
    const char *name;
    int name_length;
    const char *path;
};

void extent_write(struct buffer *line, const struct extent *extent); // appends the line, without its end
// Borrows from the line. False where it is none, or its numbers are below 0 or do not add up within 63 bits.
bool extent_read(struct extent *extent, const char *line);
