// Written from their sources, with draws of our own: distributions are theirs, single orders are not. `coca-pack
// shuffle` prints them beside the plan's.
#include "peers.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"

enum { PY1E_BLOCK = 4000000, LITDATA_RUN = 256 };

static int64_t size_of(const struct spread *spread, int part) {
    return spread->first[part + 1] - spread->first[part];
}

static int part_at(const struct spread *spread, struct random_key key, int position) {
    return (int)random_permute(key, (uint64_t)spread->parts, (uint64_t)position);
}

// ---- samples on their way, the smallest position on top

struct moved {
    double position;
    int64_t record;
};

struct heap {
    struct moved *item;
    size_t count, capacity;
};

static void swap(struct moved *a, struct moved *b) {
    const struct moved kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_add(struct heap *heap, struct moved moved) {
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? 2 * heap->capacity : 1024;
        heap->item = xrealloc_array(heap->item, heap->capacity, sizeof *heap->item);
    }
    size_t at = heap->count++;
    heap->item[at] = moved;
    for (; at && heap->item[(at - 1) / 2].position > heap->item[at].position; at = (at - 1) / 2)
        swap(&heap->item[(at - 1) / 2], &heap->item[at]);
}

static struct moved heap_take(struct heap *heap) {
    const struct moved top = heap->item[0];
    heap->item[0] = heap->item[--heap->count];
    for (size_t at = 0, child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->item[child + 1].position < heap->item[child].position) child++;
        if (heap->item[child].position >= heap->item[at].position) break;
        swap(&heap->item[at], &heap->item[child]);
    }
    return top;
}

static void give_before(struct spread *spread, struct heap *heap, double position) {
    while (heap->count && heap->item[0].position < position) spread_give(spread, heap_take(heap).record);
}

// ---- py1e

// A span's samples, shuffled, at positions offset, offset + 1, …, each moved; none beyond the ends of the epoch.
static void move_span(struct heap *heap, const struct spread *spread, int part, int64_t offset, struct random_key key) {
    const int64_t size = size_of(spread, part), records = spread->first[spread->parts];
    const double block = floor(PY1E_BLOCK * (0.75 + 0.5 * random_uniform(key, 0)));
    const double cutoff = fmax(0, (block - (double)size) / 2);
    const double low = fmax(-cutoff, -(double)offset), high = fmin(cutoff, (double)(records - offset - size));
    const struct random_key order = random_subkey(key, 0);
    for (int64_t i = 0; i < size; i++) {
        const double shift = low + (high - low) * random_uniform(key, 1 + (uint64_t)i);
        const int64_t record = spread->first[part] + (int64_t)random_permute(order, (uint64_t)size, (uint64_t)i);
        heap_add(heap, (struct moved){(double)(offset + i) + shift, record});
    }
}

// Samples that stand before anything that may still come are given: no span moves forward by more than this.
void peers_py1e(struct spread *spread, uint64_t seed) {
    const double most = 1.25 * PY1E_BLOCK / 2;
    const struct random_key key = random_key(seed, "py1e"), order = random_key(seed, "py1e parts");
    struct heap heap = {0};
    int64_t offset = 0;
    for (int i = 0; i < spread->parts; i++) {
        const int part = part_at(spread, order, i);
        move_span(&heap, spread, part, offset, random_subkey(key, (uint64_t)i));
        offset += size_of(spread, part);
        give_before(spread, &heap, (double)offset - most);
    }
    give_before(spread, &heap, INFINITY);
    free(heap.item);
}

// ---- LitData

static void give_run(struct spread *spread, int64_t begin, int64_t size, struct random_key key) {
    for (int64_t i = 0; i < size; i++)
        spread_give(spread, begin + (int64_t)random_permute(key, (uint64_t)size, (uint64_t)i));
}

static void give_chunk(struct spread *spread, int part, struct random_key key) {
    const int64_t size = size_of(spread, part), runs = (size + LITDATA_RUN - 1) / LITDATA_RUN;
    for (int64_t i = 0; i < runs; i++) {
        const int64_t run = (int64_t)random_permute(key, (uint64_t)runs, (uint64_t)i), begin = run * LITDATA_RUN;
        give_run(spread, spread->first[part] + begin, size - begin < LITDATA_RUN ? size - begin : LITDATA_RUN,
                 random_subkey(key, (uint64_t)run));
    }
}

void peers_litdata(struct spread *spread, uint64_t seed) {
    const struct random_key key = random_key(seed, "litdata");
    for (int i = 0; i < spread->parts; i++) {
        const int part = part_at(spread, key, i);
        give_chunk(spread, part, random_subkey(key, (uint64_t)part));
    }
}
