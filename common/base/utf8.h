#pragma once

#include <stdbool.h>
#include <stddef.h>

// True when the bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms).
bool utf8_valid(const char *text, size_t size);

// The largest count <= limit that does not cut a character of well-formed UTF-8.
size_t utf8_cut(const char *text, size_t size, size_t limit);
