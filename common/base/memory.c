// Allocation for everybody, and two things that grow. It succeeds or ends the process: the stages plan what they take
// before they begin, no caller could go on with less, and so no caller has a path for it that would never be tested.
// Products of counts and sizes are checked here, since counts may come from a file. Device memory is the backends'.
#include "base/memory.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/count.h"

// Memory that is large is laid out for pages of 2 MiB.
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM (4 * HUGE_PAGE) // rounding up wastes little of so much

static void *checked(void *memory, size_t bytes) {
    if (!memory) die(EXIT_RUN, "out of memory asking for %zu bytes", bytes);
    return memory;
}

static size_t array_bytes(size_t count, size_t size) {
    int64_t bytes;
    if (!count_multiply((int64_t)count, (int64_t)size, &bytes))
        die(EXIT_RUN, "out of memory asking for %zu times %zu bytes", count, size);
    return (size_t)bytes;
}

// Zero bytes are asked for as one, since malloc may answer NULL to zero.
void *xmalloc(size_t bytes) {
    return checked(malloc(bytes ? bytes : 1), bytes);
}

void *xchecked(void *memory, const char *library) {
    if (!memory) die(EXIT_RUN, "out of memory in %s", library);
    return memory;
}

// jansson asks here too, and wants to be told before its first use.
__attribute__((constructor)) static void serve_jansson(void) {
    json_set_alloc_funcs(xmalloc, free);
}

void *xcalloc(size_t count, size_t size) {
    size_t bytes = array_bytes(count, size);
    return checked(calloc(bytes ? bytes : 1, 1), bytes);
}

void *xrealloc(void *old, size_t bytes) {
    return checked(realloc(old, bytes ? bytes : 1), bytes);
}

void *xrealloc_array(void *old, size_t count, size_t size) {
    return xrealloc(old, array_bytes(count, size));
}

void *xaligned(size_t bytes) {
    size_t alignment = bytes < HUGE_FROM ? 64 : HUGE_PAGE, rounded = (bytes + alignment - 1) & ~(alignment - 1);
    if (!bytes) rounded = alignment;
    void *memory = checked(rounded < bytes ? NULL : aligned_alloc(alignment, rounded), bytes);
    // Large blocks are read in strides of kilobytes, and with small pages a table is looked up for each. A hint: it may
    // fail.
    if (bytes >= HUGE_FROM) madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
}

char *xstrdup(const char *text) {
    return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t length) {
    char *copy = xmalloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *xformat(const char *format, ...) {
    char *text;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0) die(EXIT_RUN, "out of memory formatting a text");
    va_end(list);
    return text;
}

// After it the capacity is larger than size + more, by the NUL that ends the bytes. Doubling makes the copying of n
// bytes that are appended one by one cost O(n) altogether. A size of at most INT64_MAX may be doubled.
void buffer_reserve(struct buffer *buffer, size_t more) {
    int64_t sum;
    if (!count_add((int64_t)buffer->size, (int64_t)more, &sum)) die(EXIT_RUN, "a buffer grew too large");
    const size_t need = (size_t)sum;
    if (need < buffer->capacity) return;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity <= need) capacity *= 2;
    buffer->bytes = xrealloc(buffer->bytes, capacity);
    buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size) {
    buffer_reserve(buffer, size);
    if (size) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = 0;
}

void buffer_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

// Prints twice, first to learn the length: a list can be walked once, hence the copy of it.
void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int size = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (size < 0) bug("bad format \"%s\"", format);
    buffer_reserve(buffer, (size_t)size);
    vsnprintf(buffer->bytes + buffer->size, (size_t)size + 1, format, again);
    va_end(again);
    buffer->size += (size_t)size;
}

void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
    if (buffer->bytes) buffer->bytes[0] = 0;
}

void buffer_release(struct buffer *buffer) {
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

void strings_add(struct strings *list, const char *text, size_t length) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->item = xrealloc_array(list->item, list->capacity, sizeof *list->item);
    }
    list->item[list->count++] = xstrndup(text, length);
}

void strings_add_text(struct strings *list, const char *text) {
    strings_add(list, text, strlen(text));
}

void strings_clear(struct strings *list) {
    for (size_t i = 0; i < list->count; i++) free(list->item[i]);
    list->count = 0;
}

void strings_release(struct strings *list) {
    strings_clear(list);
    free(list->item);
    *list = (struct strings){0};
}
