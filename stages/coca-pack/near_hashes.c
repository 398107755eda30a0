// Multi-index hashing (Norouzi et al., 2012): cut into D + 1 pieces, two hashes that differ in at most D bits have one
// piece in common. So there is a table for each piece, and only hashes with an equal one are compared; they lie side by
// side, as memory is what that waits for. Where pieces would be of a few bits, and most hashes in each list, there is a
// single list of all.
#include "near_hashes.h"

#include <stdlib.h>

#include "base/isa.h"
#include "base/memory.h"

enum { PIECES_MOST = 12, WIDTH_MOST = 18, BITS = 64 };

struct list {
    struct entry {
        uint64_t hash;
        int64_t number;
    } * entry;
    int32_t count, capacity;
};

// The one of a list that differs least from `hash`, the first of equal ones, if it differs in less than *distance bits.
typedef const struct entry *find_in(const struct list *list, uint64_t hash, int *distance);

struct near_hashes {
    int distance, pieces, width;    // width: bits of a piece that its table tells apart
    struct list *list[PIECES_MOST]; // [2^width]
    find_in *find;
};

static inline __attribute__((always_inline)) const struct entry *find(const struct list *list, uint64_t hash,
                                                                      int *distance) {
    const struct entry *best = NULL;
    for (int32_t i = 0; i < list->count; i++) {
        const int bits = __builtin_popcountll(list->entry[i].hash ^ hash);
        if (bits < *distance) *distance = bits, best = &list->entry[i];
    }
    return best;
}

static const struct entry *find_plain(const struct list *list, uint64_t hash, int *distance) {
    return find(list, hash, distance);
}
__attribute__((target("popcnt"))) static const struct entry *find_counting(const struct list *list, uint64_t hash,
                                                                           int *distance) {
    return find(list, hash, distance);
}

struct near_hashes *near_hashes_new(int distance) {
    struct near_hashes *hashes = xcalloc(1, sizeof *hashes);
    hashes->distance = distance;
    hashes->pieces = distance < PIECES_MOST ? distance + 1 : 1;
    hashes->width = distance < PIECES_MOST ? BITS / hashes->pieces : 0;
    if (hashes->width > WIDTH_MOST) hashes->width = WIDTH_MOST;
    hashes->find = isa_limit() >= ISA_V2 && __builtin_cpu_supports("popcnt") ? find_counting : find_plain;
    for (int p = 0; p < hashes->pieces; p++)
        hashes->list[p] = xcalloc((size_t)1 << hashes->width, sizeof *hashes->list[p]);
    return hashes;
}

void near_hashes_free(struct near_hashes **hashes) {
    struct near_hashes *old = *hashes;
    if (!old) return;
    for (int p = 0; p < old->pieces; p++) {
        for (size_t i = 0; i < (size_t)1 << old->width; i++) free(old->list[p][i].entry);
        free(old->list[p]);
    }
    free(old);
    *hashes = NULL;
}

static struct list *list_of(const struct near_hashes *hashes, int piece, uint64_t hash) {
    const uint64_t mask = ((uint64_t)1 << hashes->width) - 1;
    return &hashes->list[piece][hash >> (piece * (BITS / hashes->pieces)) & mask];
}

static void append(struct list *list, struct entry entry) {
    if (list->count == list->capacity) {
        if (list->capacity > INT32_MAX / 2) die(EXIT_RUN, "too many pictures have hashes that are alike");
        list->capacity = list->capacity ? 2 * list->capacity : 4;
        list->entry = xrealloc_array(list->entry, (size_t)list->capacity, sizeof *list->entry);
    }
    list->entry[list->count++] = entry;
}

void near_hashes_add(struct near_hashes *hashes, uint64_t hash, int64_t number) {
    for (int p = 0; p < hashes->pieces; p++) append(list_of(hashes, p, hash), (struct entry){hash, number});
}

// A later list has what an earlier one found, too: of equal distances the lowest number counts.
int64_t near_hashes_find(const struct near_hashes *hashes, uint64_t hash, int *distance) {
    int64_t best = -1;
    *distance = hashes->distance + 1;
    for (int p = 0; p < hashes->pieces; p++) {
        int bits = *distance + 1;
        const struct entry *entry = hashes->find(list_of(hashes, p, hash), hash, &bits);
        if (!entry || bits > hashes->distance || (bits == *distance && entry->number >= best)) continue;
        *distance = bits;
        best = entry->number;
    }
    return best;
}
