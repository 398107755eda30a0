// UTF-8 as bytes: whether it is well-formed, where it may be cut, how it is repaired. Sizes are in bytes and no NUL is
// needed; a NUL is a character like others.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

// True when the bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms).
bool utf8_valid(const char *text, size_t size);

// How many bytes at `text` a well-formed character begins with, 1 to `size`; `*whole` when they are one.
size_t utf8_character(const char *text, size_t size, bool *whole);

// The largest count <= limit that does not cut a character of well-formed UTF-8.
size_t utf8_cut(const char *text, size_t size, size_t limit);

// Appends the text, with U+FFFD for each maximal part that no character begins with (Unicode 15, section 3.9).
void utf8_repair(struct buffer *out, const char *text, size_t size);
