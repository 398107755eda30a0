// Weights as products read them. A product goes down the depth and reads, at each step, the columns of one panel side
// by side; in a matrix [K,N] these lie N numbers apart from step to step, in [N,K] they do not lie side by side at all.
// So linear.c asks here for a copy cut into panels of columns, each a sequence from its first byte to its last: one
// stream to prefetch, few pages to look up, and no lines that take each other's places in the first cache. Blocks of
// panels are what threads share out. The copy is of the weight's own type, as few rows wait for its bytes;
// linear.c widens a piece of it where operands are wider. Of bytes, an operand is a pair.
//
// Packing costs K·N, a product R·K·N; weights change once a step and are used by all its rows and microbatches, so the
// copy is kept. It is found by the weight's address and shape, and forward and backward have one each. `fresh` says
// that it is still what the weight is: weights_changed, and the release of any memory (whose address the next weight
// may get), take it from all copies, and each is packed anew, in its place, when it is next asked for.
#include "ops/cpu/packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ops/cpu/cpu.h"

#define SLAB_BYTES ((size_t)16 << 20)

// Where the copy stands or would stand. At least half of the slots are empty, so the search ends. Nothing is ever taken
// out: a weight that is gone leaves its room to the next one of its address and shape.
static int64_t slot_of(const struct packed_cache *cache, struct packed_of of) {
    uint64_t key[] = {(uint64_t)(uintptr_t)of.weight, (uint64_t)of.K, (uint64_t)of.N, of.turned, of.bytes};
    int64_t i = (int64_t)(hash_bytes(key, sizeof key, 0) & (uint64_t)(cache->slots - 1));
    for (;; i = (i + 1) & (cache->slots - 1)) {
        if (!cache->slot[i]) return i;
        struct packed_of there = cache->slot[i]->of;
        if (there.weight == of.weight && there.K == of.K && there.N == of.N && there.turned == of.turned &&
            there.bytes == of.bytes)
            return i;
    }
}

static void grow(struct packed_cache *cache) {
    struct packed_cache larger = {.slots = cache->slots ? 2 * cache->slots : 64};
    larger.slot = xcalloc((size_t)larger.slots, sizeof *larger.slot);
    for (int64_t i = 0; i < cache->slots; i++) {
        struct packed *packed = cache->slot[i];
        if (packed) larger.slot[slot_of(&larger, packed->of)] = packed;
    }
    free(cache->slot);
    cache->slot = larger.slot;
    cache->slots = larger.slots;
}

// Room for a copy: behind the newest one, or in a new slab of its own size at least.
static char *take_room(struct packed_cache *cache, size_t bytes) {
    size_t rounded = (bytes + 63) & ~(size_t)63, size = rounded < SLAB_BYTES ? SLAB_BYTES : rounded;
    if (rounded > cache->slab_left) {
        cache->slab = xrealloc_array(cache->slab, (size_t)cache->slabs + 1, sizeof *cache->slab);
        cache->slab[cache->slabs++] = xaligned(size);
        cache->slab_end = cache->slab[cache->slabs - 1] + size;
        cache->slab_left = size;
    }
    cache->slab_left -= rounded;
    return cache->slab_end - cache->slab_left - rounded;
}

// All blocks but the last are 128 columns; the last is padded with zeros to a whole number of vectors.
static struct packed *packed_new(struct cpu *cpu, struct packed_of of) {
    struct packed *packed = xcalloc(1, sizeof *packed);
    int64_t depth = of.bytes ? 2 : cpu->kernels->operand_depth;
    *packed = (struct packed){.of = of, .block = PACKED_COLUMNS};
    packed->depth = (of.K + depth - 1) / depth;
    packed->blocks = (of.N + packed->block - 1) / packed->block;
    packed->operand = (size_t)depth * (of.bytes ? 1 : cpu->element);
    int64_t width = (packed->blocks - 1) * packed->block + packed_width(packed, packed->blocks - 1);
    packed->data = take_room(&cpu->packed, (size_t)(width * packed->depth) * packed->operand);
    return packed;
}

struct packing {
    const struct cpu *cpu;
    const struct packed *packed;
};

static void keep_turned(const struct packing *job, int64_t c, const char *from, int64_t columns) {
    const struct packed *packed = job->packed;
    int64_t K = packed->of.K;
    for (int64_t j = 0; j < columns; j += job->cpu->kernels->panel) {
        int64_t n = least(job->cpu->kernels->panel, columns - j), width = divide_up(n, 16) * 16;
        job->cpu->kernels->keep_right_turned(packed_panel(packed, c, j, width, 0), width,
                                             from + (size_t)(j * K) * job->cpu->element, K, n, K);
    }
}

static void pack_block(const struct packing *job, int64_t c) {
    const struct packed *packed = job->packed;
    const struct kernels *kernels = job->cpu->kernels;
    const struct packed_of *of = &packed->of;
    void *to = packed_at(packed, c, 0);
    int64_t first = c * packed->block, columns = packed_columns(packed, c), width = packed_width(packed, c);
    int64_t row = of->turned ? 1 : of->N, column = of->turned ? of->K : 1;
    const char *from = (const char *)of->weight + (size_t)(first * column) * (of->bytes ? 1 : job->cpu->element);
    if (of->bytes)
        kernels->keep_bytes(to, width, (const int8_t *)from, row, column, of->K, columns);
    else if (!of->turned)
        kernels->keep_right(to, from, of->N, of->K, columns);
    else
        keep_turned(job, c, from, columns);
}

// Blocks are independent, so threads share them out.
static void pack_blocks(const void *context, struct share share) {
    const struct packing *job = context;
    struct range range = share_of(share, job->packed->blocks, 1);
    for (int64_t c = range.begin; c < range.end; c++) pack_block(job, c);
}

const struct packed *packed_get(struct cpu *cpu, struct packed_of of) {
    struct packed_cache *cache = &cpu->packed;
    if (2 * cache->used >= cache->slots) grow(cache);
    struct packed **slot = &cache->slot[slot_of(cache, of)];
    if (!*slot) {
        *slot = packed_new(cpu, of);
        cache->used++;
    }
    if (!(*slot)->fresh) {
        cpu_run(cpu, of.K * of.N, pack_blocks, &(struct packing){cpu, *slot});
        (*slot)->fresh = true;
    }
    return *slot;
}

void packed_expire(struct packed_cache *cache) {
    for (int64_t i = 0; i < cache->slots; i++)
        if (cache->slot[i]) cache->slot[i]->fresh = false;
}

void packed_free(struct packed_cache *cache) {
    for (int64_t i = 0; i < cache->slots; i++) free(cache->slot[i]);
    for (int64_t i = 0; i < cache->slabs; i++) free(cache->slab[i]);
    free(cache->slot);
    free(cache->slab);
    *cache = (struct packed_cache){0};
}
