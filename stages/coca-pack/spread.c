// Distances are counted in buckets, 1024 for each power of two, so that a hundred million need no list of their own.
#include "spread.h"

#include <stdlib.h>

#include "base/fail.h"

enum { FINE = 1024, BUCKETS = 56 * FINE };

void spread_begin(struct spread *spread, const struct store *store) {
    *spread = (struct spread){.store = store};
    spread->parts = store_parts(store, &spread->first);
    spread->place = xcalloc((size_t)store_count(store), sizeof *spread->place);
}

void spread_end(struct spread *spread) {
    free(spread->place);
    *spread = (struct spread){0};
}

void spread_restart(struct spread *spread) {
    spread->given = 0;
}

void spread_give(struct spread *spread, int64_t record) {
    spread->place[record] = spread->given++;
}

// Below 2·FINE each distance has its own; above, FINE of equal width between a power of two and the next.
static int bucket_of(int64_t distance) {
    int shift = 0;
    while (distance >> shift >= 2 * FINE) shift++;
    return shift * FINE + (int)(distance >> shift);
}

static int64_t smallest_in(int bucket) {
    const int shift = bucket < 2 * FINE ? 0 : bucket / FINE - 1;
    return (int64_t)(bucket - shift * FINE) << shift;
}

static int64_t quantile(const int64_t *counts, int64_t rank) {
    int bucket = 0;
    for (int64_t passed = counts[0]; passed <= rank; passed += counts[bucket]) bucket++;
    return smallest_in(bucket);
}

static void measure_distances(const struct spread *spread, struct spread_measure *measure) {
    int64_t *counts = xcalloc(BUCKETS, sizeof *counts), pairs = 0;
    double sum = 0;
    for (int i = 0; i < spread->parts; i++)
        for (int64_t r = spread->first[i] + 1; r < spread->first[i + 1]; r++, pairs++) {
            const int64_t distance = llabs(spread->place[r] - spread->place[r - 1]);
            counts[bucket_of(distance)]++;
            sum += (double)distance;
        }
    if (pairs) {
        measure->median = quantile(counts, pairs / 2);
        measure->tenth = quantile(counts, pairs / 10);
        measure->mean = sum / (double)pairs;
    }
    free(counts);
}

// A part is needed from the first of its records to the last.
struct event {
    int64_t place, bytes;
};

static int compare(const void *a, const void *b) {
    const int64_t x = ((const struct event *)a)->place, y = ((const struct event *)b)->place;
    return (x > y) - (x < y);
}

static void add_events(const struct spread *spread, int part, struct event *event) {
    const int64_t bytes = store_remote_bytes(spread->store, part);
    int64_t low = INT64_MAX, high = -1;
    for (int64_t r = spread->first[part]; r < spread->first[part + 1]; r++) {
        if (spread->place[r] < low) low = spread->place[r];
        if (spread->place[r] > high) high = spread->place[r];
    }
    event[0] = (struct event){low, bytes};
    event[1] = (struct event){high < 0 ? low : high + 1, -bytes};
}

static int64_t most_bytes(const struct spread *spread) {
    const size_t count = 2 * (size_t)spread->parts;
    struct event *event = xcalloc(count, sizeof *event);
    int64_t bytes = 0, most = 0;
    for (int i = 0; i < spread->parts; i++) add_events(spread, i, &event[2 * i]);
    qsort(event, count, sizeof *event, compare);
    for (size_t i = 0; i < count; i++) {
        bytes += event[i].bytes;
        const bool whole = i + 1 == count || event[i + 1].place > event[i].place;
        if (whole && bytes > most) most = bytes;
    }
    free(event);
    return most;
}

struct spread_measure spread_measure(const struct spread *spread) {
    if (spread->given != store_count(spread->store)) bug("%lld places", (long long)spread->given);
    struct spread_measure measure = {.bytes = most_bytes(spread)};
    measure_distances(spread, &measure);
    return measure;
}
