// Encodings of a byte a character, as texts are wrongly read in them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct charmap {
    const char *name;
    bool is_sloppy;       // bytes that the encoding leaves out stand for themselves, and 0x1A for U+FFFD
    uint16_t upper[0x80]; // characters of the bytes from 0x80
};
#define CHARMAPS 10
extern const struct charmap charmaps[CHARMAPS]; // in the order in which they are tried
enum { CHARMAP_LATIN_1 = 0, CHARMAP_WINDOWS_1252 = 1 };

uint32_t charmap_windows_1252(uint8_t byte);

// Appends the bytes that read as `text`; false, and part of it, when a character is not in the encoding.
bool charmap_encode(const struct charmap *map, struct buffer *out, const char *text, size_t size);
