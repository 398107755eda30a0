// Weights as products read them. A product goes down the depth and reads, at each step, the columns of one block side
// by side; in a matrix [K,N] these lie N numbers apart from step to step, in [N,K] they do not lie side by side at all.
// So linear.c asks here for a copy cut into blocks of columns, each a sequence from its first byte to its last: one
// stream to prefetch, few pages to look up. bf16 becomes operands on the way.
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
static int64_t slot_of(const struct packed_cache *cache, const void *weight, int64_t K, int64_t N, bool turned) {
    uint64_t key[] = {(uint64_t)(uintptr_t)weight, (uint64_t)K, (uint64_t)N, turned};
    int64_t i = (int64_t)(hash_bytes(key, sizeof key, 0) & (uint64_t)(cache->slots - 1));
    for (;; i = (i + 1) & (cache->slots - 1)) {
        const struct packed *there = cache->slot[i];
        if (!there) return i;
        if (there->weight == weight && there->K == K && there->N == N && there->turned == turned) return i;
    }
}

static void grow(struct packed_cache *cache) {
    struct packed_cache larger = {.slots = cache->slots ? 2 * cache->slots : 64};
    larger.slot = xcalloc((size_t)larger.slots, sizeof *larger.slot);
    for (int64_t i = 0; i < cache->slots; i++) {
        struct packed *packed = cache->slot[i];
        if (packed) larger.slot[slot_of(&larger, packed->weight, packed->K, packed->N, packed->turned)] = packed;
    }
    free(cache->slot);
    cache->slot = larger.slot;
    cache->slots = larger.slots;
}

// Room for a copy: behind the newest one, or in a new slab of its own size at least.
static float *take_room(struct packed_cache *cache, size_t bytes) {
    size_t rounded = (bytes + 63) & ~(size_t)63, size = rounded < SLAB_BYTES ? SLAB_BYTES : rounded;
    if (rounded > cache->slab_left) {
        cache->slab = xrealloc_array(cache->slab, (size_t)cache->slabs + 1, sizeof *cache->slab);
        cache->slab[cache->slabs++] = xaligned(size);
        cache->slab_end = cache->slab[cache->slabs - 1] + size;
        cache->slab_left = size;
    }
    cache->slab_left -= rounded;
    return (float *)(cache->slab_end - cache->slab_left - rounded);
}

// All blocks but the last are 128 columns; the last is padded with zeros to a whole number of vectors.
static struct packed *packed_new(struct cpu *cpu, const void *weight, int64_t K, int64_t N, bool turned) {
    struct packed *packed = xcalloc(1, sizeof *packed);
    *packed = (struct packed){.weight = weight, .K = K, .N = N, .turned = turned, .block = PACKED_COLUMNS};
    packed->depth = (K + cpu->kernels->operand_depth - 1) / cpu->kernels->operand_depth;
    packed->blocks = (N + packed->block - 1) / packed->block;
    int64_t width = (packed->blocks - 1) * packed->block + packed_width(packed, packed->blocks - 1);
    packed->data = take_room(&cpu->packed, (size_t)(width * packed->depth) * sizeof *packed->data);
    return packed;
}

struct packing {
    const struct cpu *cpu;
    const struct packed *packed;
};

// Blocks are independent, so threads share them out.
static void pack_blocks(const void *context, struct share share) {
    const struct packing *job = context;
    const struct packed *packed = job->packed;
    const struct kernels *kernels = job->cpu->kernels;
    struct range range = share_of(share, packed->blocks, 1);
    for (int64_t c = range.begin; c < range.end; c++) {
        float *to = packed_at(packed, c, 0);
        const char *from = packed->weight;
        int64_t first = c * packed->block, columns = packed_columns(packed, c), width = packed_width(packed, c);
        size_t element = job->cpu->element;
        if (packed->turned)
            kernels->pack_right_turned(to, width, from + (size_t)(first * packed->K) * element, packed->K, columns,
                                       packed->K);
        else
            kernels->pack_right(to, width, from + (size_t)first * element, packed->N, packed->K, columns);
    }
}

const struct packed *packed_get(struct cpu *cpu, const void *weight, int64_t K, int64_t N, bool turned) {
    struct packed_cache *cache = &cpu->packed;
    if (2 * cache->used >= cache->slots) grow(cache);
    struct packed **slot = &cache->slot[slot_of(cache, weight, K, N, turned)];
    if (!*slot) {
        *slot = packed_new(cpu, weight, K, N, turned);
        cache->used++;
    }
    if (!(*slot)->fresh) {
        cpu_run(cpu, K * N, pack_blocks, &(struct packing){cpu, *slot});
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
