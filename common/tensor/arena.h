// One allocation with pieces carved out of it, 64-byte aligned. An arena without memory measures: the same code
// that lays out activations tells how many bytes they take.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena {
    char *base; // NULL while measuring
    size_t size, used, peak;
};

#define ARENA_ALIGN 64

// `base` is memory of `size` bytes that the caller owns (host or device), or NULL with size SIZE_MAX to measure.
void arena_begin(struct arena *arena, void *base, size_t size);

// `bytes` more; returns NULL while measuring. Running out is a bug(): the measured size was wrong.
void *arena_take(struct arena *arena, size_t bytes);

// Scratch: what was taken after the mark is given back.
size_t arena_mark(const struct arena *arena);
void arena_reset(struct arena *arena, size_t mark);
