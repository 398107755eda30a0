// What the next samples need follows from the plan: in blocks, the parts of the window at hand and of the next one; in
// global order and in a pass, those of some thousand samples. sources.c says which sample is read; what is told
// replaces what was told before, and is told only when it changed.
#include "dataset/look_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "dataset/blocks.h"

enum { DISTANCE = 4096, STEP = 512 }; // samples that are looked at, and read until they are looked at anew

struct parts {
    int *item, count;
};

struct look_ahead {
    struct store *const *store;
    int count;
    const struct plan *plan;
    bool shuffled;
    int64_t from; // sample that was looked from last; −1: none
    struct ahead {
        const int64_t *first;
        int parts;
        struct parts next, told;
        int64_t *listed; // [parts] the look in which a part was listed last
    } of[PLAN_SOURCES];
    int64_t looks;
};

static bool has_objects(const struct store *store) {
    const int64_t *first;
    const int parts = store_parts(store, &first);
    for (int i = 0; i < parts; i++)
        if (store_remote_bytes(store, i)) return true;
    return false;
}

static bool any_has_objects(struct store *const *store, int count) {
    for (int j = 0; j < count; j++)
        if (has_objects(store[j])) return true;
    return false;
}

struct look_ahead *look_ahead_new(struct store *const *store, int count, const struct plan *plan, bool shuffled) {
    if (!any_has_objects(store, count)) return NULL;
    struct look_ahead *ahead = xcalloc(1, sizeof *ahead);
    *ahead = (struct look_ahead){.store = store, .count = count, .plan = plan, .shuffled = shuffled, .from = -1};
    for (int j = 0; j < count; j++) {
        struct ahead *of = &ahead->of[j];
        of->parts = store_parts(store[j], &of->first);
        const size_t most = (size_t)of->parts * 2; // blocks_near may name a part twice
        of->next.item = xcalloc(most, sizeof *of->next.item);
        of->told.item = xcalloc(most, sizeof *of->told.item);
        of->listed = xcalloc((size_t)of->parts, sizeof *of->listed);
    }
    return ahead;
}

void look_ahead_free(struct look_ahead **ahead) {
    for (int j = 0; *ahead && j < (*ahead)->count; j++) {
        free((*ahead)->of[j].next.item);
        free((*ahead)->of[j].told.item);
        free((*ahead)->of[j].listed);
    }
    free(*ahead);
    *ahead = NULL;
}

static void add(struct look_ahead *ahead, int source, int part) {
    struct ahead *of = &ahead->of[source];
    if (part == of->parts || of->listed[part] == ahead->looks) return;
    of->listed[part] = ahead->looks;
    of->next.item[of->next.count++] = part;
}

static int part_at(const struct look_ahead *ahead, struct plan_sample sample) {
    return part_of(ahead->of[sample.source].first, ahead->of[sample.source].parts, sample.record);
}

static void look_at_samples(struct look_ahead *ahead, int64_t n) {
    for (int64_t i = n; i < n + DISTANCE; i++) {
        const struct plan_sample sample = plan_at(ahead->plan, i);
        add(ahead, sample.source, part_at(ahead, sample));
    }
}

// A part may have more records than are looked at: the one behind the last is next in any case.
static void look_at_pass(struct look_ahead *ahead, int64_t n) {
    const int64_t records = plan_records(ahead->plan), end = n + DISTANCE < records ? n + DISTANCE : records;
    struct plan_sample sample = {.source = 0};
    for (int64_t i = n; i < end; i++) {
        sample = plan_at(ahead->plan, i);
        add(ahead, sample.source, part_at(ahead, sample));
    }
    add(ahead, sample.source, part_at(ahead, sample) + 1);
    if (sample.source + 1 < ahead->count) add(ahead, sample.source + 1, 0);
}

static void look_at_blocks(struct look_ahead *ahead, int64_t n) {
    for (int j = 0; j < ahead->count; j++) {
        struct parts *next = &ahead->of[j].next;
        next->count = plan_near(ahead->plan, j, n, next->item);
    }
}

static void tell(struct look_ahead *ahead, int j) {
    struct ahead *of = &ahead->of[j];
    if (of->next.count == of->told.count &&
        !memcmp(of->next.item, of->told.item, (size_t)of->next.count * sizeof *of->next.item))
        return;
    store_ahead(ahead->store[j], of->next.item, of->next.count);
    const struct parts before = of->told;
    of->told = of->next;
    of->next = before;
}

void look_ahead_from(struct look_ahead *ahead, int64_t n) {
    if (!ahead || (ahead->from >= 0 && n >= ahead->from && n < ahead->from + STEP)) return;
    ahead->from = n;
    ahead->looks++;
    for (int j = 0; j < ahead->count; j++) ahead->of[j].next.count = 0;
    if (!ahead->shuffled)
        look_at_pass(ahead, n);
    else if (plan_window(ahead->plan, 0))
        look_at_blocks(ahead, n);
    else
        look_at_samples(ahead, n);
    for (int j = 0; j < ahead->count; j++) tell(ahead, j);
}
