// Memory that is planned, then taken once. The towers, the decoder's cache and the contrastive loss write their layout
// as one function, which runs twice: over an arena without memory, to learn the peak that is then allocated (and
// announced before a run begins), and over that memory. So the two cannot differ, and arithmetic allocates nothing
// after a start. It is a stack: pieces are given back by a mark, all that is above it at once. Whose memory it is,
// host's or a device's, it does not know.
#include "tensor/arena.h"

#include "base/fail.h"

void arena_begin(struct arena *arena, void *base, size_t size) {
    *arena = (struct arena){.base = base, .size = size};
}

// Rounding up to 64 keeps cache lines apart, and lets kernels read rows in whole vectors (AVX-512's, and CUDA's of 16
// bytes). used <= size always, so the difference cannot wrap; the first test is for bytes near SIZE_MAX.
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
