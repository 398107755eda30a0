#include "tensor/arena.h"

#include "base/fail.h"

void arena_begin(struct arena *arena, void *base, size_t size) {
    *arena = (struct arena){.base = base, .size = size};
}

void *arena_take(struct arena *arena, size_t bytes) {
    size_t rounded = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (rounded < bytes || rounded > arena->size - arena->used)
        bug("arena of %zu bytes is full at %zu, asked for %zu", arena->size, arena->used, bytes);
    void *piece = arena->base ? arena->base + arena->used : NULL;
    arena->used += rounded;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return piece;
}

size_t arena_mark(const struct arena *arena) {
    return arena->used;
}

void arena_reset(struct arena *arena, size_t mark) {
    if (mark > arena->used) bug("arena reset to %zu, ahead of %zu", mark, arena->used);
    arena->used = mark;
}
