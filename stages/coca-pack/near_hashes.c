// Multi-index hashing (Norouzi et al., 2012): cut into D + 1 pieces, two hashes that differ in at most D bits have one
// piece in common. So there is a table for each piece, and only hashes with an equal one are compared. Where pieces
// would be of a few bits, and most hashes in each list, there is a single list of all.
#include "near_hashes.h"

#include <stdlib.h>

#include "base/memory.h"

enum { PIECES_MOST = 12, WIDTH_MOST = 20, BITS = 64 };

struct near_hashes {
    int distance, pieces, width; // width: bits of a piece that its table tells apart
    int32_t *head[PIECES_MOST];  // [2^width] the entry added last, −1: none
    struct entry {
        uint64_t hash;
        int64_t number;
        int32_t next[PIECES_MOST];
    } * entry;
    int32_t count, capacity;
};

struct near_hashes *near_hashes_new(int distance) {
    struct near_hashes *hashes = xcalloc(1, sizeof *hashes);
    hashes->distance = distance;
    hashes->pieces = distance < PIECES_MOST ? distance + 1 : 1;
    hashes->width = distance < PIECES_MOST ? BITS / hashes->pieces : 0;
    if (hashes->width > WIDTH_MOST) hashes->width = WIDTH_MOST;
    const size_t size = (size_t)1 << hashes->width;
    for (int p = 0; p < hashes->pieces; p++) {
        hashes->head[p] = xcalloc(size, sizeof *hashes->head[p]);
        for (size_t i = 0; i < size; i++) hashes->head[p][i] = -1;
    }
    return hashes;
}

void near_hashes_free(struct near_hashes **hashes) {
    for (int p = 0; *hashes && p < (*hashes)->pieces; p++) free((*hashes)->head[p]);
    if (*hashes) free((*hashes)->entry);
    free(*hashes);
    *hashes = NULL;
}

static int32_t *list_of(const struct near_hashes *hashes, int piece, uint64_t hash) {
    const uint64_t mask = ((uint64_t)1 << hashes->width) - 1;
    return &hashes->head[piece][hash >> (piece * (BITS / hashes->pieces)) & mask];
}

void near_hashes_add(struct near_hashes *hashes, uint64_t hash, int64_t number) {
    if (hashes->count == INT32_MAX) die(EXIT_RUN, "more than %d pictures are compared by hash", INT32_MAX);
    if (hashes->count == hashes->capacity) {
        hashes->capacity = hashes->capacity < INT32_MAX / 2 ? 2 * hashes->capacity + 1024 : INT32_MAX;
        hashes->entry = xrealloc_array(hashes->entry, (size_t)hashes->capacity, sizeof *hashes->entry);
    }
    struct entry *entry = &hashes->entry[hashes->count];
    *entry = (struct entry){.hash = hash, .number = number};
    for (int p = 0; p < hashes->pieces; p++) {
        int32_t *list = list_of(hashes, p, hash);
        entry->next[p] = *list;
        *list = hashes->count;
    }
    hashes->count++;
}

// Lists go from the entry added last to the first, so of equal distances the later one found is the earlier one added,
// within a list; between lists the smaller entry counts.
int64_t near_hashes_find(const struct near_hashes *hashes, uint64_t hash, int *distance) {
    int32_t best = -1;
    *distance = hashes->distance + 1;
    for (int p = 0; p < hashes->pieces; p++)
        for (int32_t e = *list_of(hashes, p, hash); e >= 0; e = hashes->entry[e].next[p]) {
            const int bits = __builtin_popcountll(hashes->entry[e].hash ^ hash);
            if (bits < *distance || (bits == *distance && best >= 0 && e < best)) *distance = bits, best = e;
        }
    return best < 0 ? -1 : hashes->entry[best].number;
}
