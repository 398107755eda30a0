// Allocation that succeeds or ends the process (exit 1), and a growing byte buffer. jansson allocates here too: what it
// returns is NULL only for what it was given.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t size); // zeroed; count*size is checked for overflow
void *xrealloc(void *old, size_t bytes);
void *xrealloc_array(void *old, size_t count, size_t size);
void *xaligned(size_t bytes); // 64-byte aligned, freed with free()
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
void *xchecked(void *memory, const char *library);        // what a library made, NULL only for want of memory: not then
char *xformat(const char *format, ...) PRINTF_LIKE(1, 2); // the caller frees

// A growing byte buffer. `bytes` is always followed by a NUL that `size` does not count, once anything was appended.
// Zero-initialise; release with buffer_release, which leaves it empty and usable.
struct buffer {
    char *bytes;
    size_t size, capacity;
};
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_clear(struct buffer *buffer); // keeps the memory
void buffer_release(struct buffer *buffer);

// A growing list of strings that it owns. Zero-initialise; release with strings_release.
struct strings {
    char **item;
    size_t count, capacity;
};
void strings_add(struct strings *list, const char *text, size_t length);
void strings_add_text(struct strings *list, const char *text);
void strings_clear(struct strings *list);
void strings_release(struct strings *list);
