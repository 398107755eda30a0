// A hash table that grows, at most half full, with linear probing. Nothing is ever taken out. The measures of captions
// compare words and n-grams millions of times: as numbers they need one look at the text, when it comes.
#include "measure/numbering.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define FIRST_SLOTS 1024

// The string's slot, or the free one that would be.
static struct numbering_slot *slot_of(const struct numbering *n, const void *bytes, size_t size, uint64_t hash) {
    for (size_t i = hash;; i++) {
        struct numbering_slot *slot = &n->slot[i & (n->slots - 1)];
        if (!slot->number) return slot;
        if (slot->tag != hash >> 32) continue;
        const size_t begin = n->end[slot->number - 1];
        if (n->end[slot->number] - begin == size && !memcmp(n->bytes.bytes + begin, bytes, size)) return slot;
    }
}

static void place_all(struct numbering *n) {
    for (uint32_t number = 1; number <= n->count; number++) {
        const char *bytes = n->bytes.bytes + n->end[number - 1];
        const size_t size = n->end[number] - n->end[number - 1];
        const uint64_t hash = hash_bytes(bytes, size, 0);
        *slot_of(n, bytes, size, hash) = (struct numbering_slot){number, (uint32_t)(hash >> 32)};
    }
}

static void grow(struct numbering *n) {
    n->slots = n->slots ? 2 * n->slots : FIRST_SLOTS;
    free(n->slot);
    n->slot = xcalloc(n->slots, sizeof *n->slot);
    n->end = xrealloc_array(n->end, n->slots / 2 + 1, sizeof *n->end);
    n->end[0] = 0;
    buffer_append(&n->bytes, "", 0);
    place_all(n);
}

uint32_t numbering_add(struct numbering *n, const void *bytes, size_t size) {
    const uint64_t hash = hash_bytes(bytes, size, 0);
    if (2 * (n->count + 1) > n->slots) grow(n);
    struct numbering_slot *slot = slot_of(n, bytes, size, hash);
    if (slot->number) return slot->number;
    if (n->count == UINT32_MAX) bug("more than %zu strings", n->count);
    buffer_append(&n->bytes, bytes, size);
    n->end[++n->count] = n->bytes.size;
    *slot = (struct numbering_slot){(uint32_t)n->count, (uint32_t)(hash >> 32)};
    return slot->number;
}

uint32_t numbering_find(const struct numbering *n, const void *bytes, size_t size) {
    return n->slots ? slot_of(n, bytes, size, hash_bytes(bytes, size, 0))->number : 0;
}

void numbering_fetch(const struct numbering *n, const void *bytes, size_t size) {
    if (n->slots) __builtin_prefetch(&n->slot[hash_bytes(bytes, size, 0) & (n->slots - 1)]);
}

void numbering_release(struct numbering *n) {
    buffer_release(&n->bytes);
    free(n->end);
    free(n->slot);
    *n = (struct numbering){0};
}
