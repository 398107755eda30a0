// A cache that is smaller than what an order touches again and again fetches every object many times, which is worse
// than none: so it is refused, when the samples are opened and before a run is made.
#include "dataset/cache_room.h"

#include <math.h>
#include <stdlib.h>

#include "base/fail.h"

#define GIB 1073741824.0

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

// For each store the bytes of its largest objects: [parts + 1], of so many of them.
struct largest {
    int parts;
    int64_t *sum;
};

static struct largest largest_of(const struct store *store) {
    const int64_t *first;
    const int parts = store_parts(store, &first);
    struct largest largest = {parts, xcalloc((size_t)parts + 1, sizeof *largest.sum)};
    for (int i = 0; i < parts; i++) largest.sum[i + 1] = store_remote_bytes(store, i);
    qsort(largest.sum + 1, (size_t)parts, sizeof *largest.sum, compare);
    for (int i = 0; i < parts; i++) largest.sum[i + 1] += largest.sum[i];
    return largest;
}

static int64_t need_of(const struct largest *largest, int64_t window) {
    return largest->sum[window && 2 * window < largest->parts ? 2 * window : largest->parts];
}

static int64_t need_of_all(const struct largest *largest, int count, int64_t window) {
    int64_t need = 0;
    for (int j = 0; j < count; j++) need += need_of(&largest[j], window);
    return need;
}

static struct largest *measure(struct store *const *store, int count) {
    struct largest *largest = xcalloc((size_t)count, sizeof *largest);
    for (int j = 0; j < count; j++) largest[j] = largest_of(store[j]);
    return largest;
}

static void release(struct largest **largest, int count) {
    for (int j = 0; j < count; j++) free((*largest)[j].sum);
    free(*largest);
    *largest = NULL;
}

int64_t cache_need(struct store *const *store, int count, int64_t window) {
    struct largest *largest = measure(store, count);
    const int64_t need = need_of_all(largest, count, window);
    release(&largest, count);
    return need;
}

// The largest window that fits, 0: none. A larger one needs no less.
static int64_t fitting_window(const struct largest *largest, int count, int64_t bytes) {
    int64_t fits = 0, too_large = 1;
    for (int j = 0; j < count; j++)
        if (largest[j].parts >= too_large) too_large = (int64_t)largest[j].parts + 1;
    while (too_large - fits > 1) {
        const int64_t middle = fits + (too_large - fits) / 2;
        if (need_of_all(largest, count, middle) <= bytes)
            fits = middle;
        else
            too_large = middle;
    }
    return fits;
}

// In hundredths, up: what is printed is enough.
static double gib_up(int64_t bytes) {
    return ceil((double)bytes / GIB * 100) / 100;
}

// The other order that would do; the caller frees. A single part at a time is the least there is.
static char *other_order(const struct largest *largest, int count, int64_t window, int64_t bytes) {
    const int64_t fits = fitting_window(largest, count, bytes);
    if (fits) return xformat(", or --shuffle blocks:%lld or less", (long long)fits);
    if (window == 1) return xstrdup("");
    return xformat(", or --cache-gib %.2f with --shuffle blocks:1", gib_up(need_of_all(largest, count, 1)));
}

static int refuse(const struct largest *largest, int count, int64_t window, int64_t need, int64_t bytes) {
    char *what = window ? xformat("two windows of --shuffle blocks:%lld are up to", (long long)window)
                        : xstrdup("--shuffle global touches all objects of the datasets,");
    char *other = other_order(largest, count, window, bytes);
    int status = error(EXIT_USAGE,
                       "%s %.2f GiB, and --cache-gib is %.4g: give --cache-gib %.2f%s, or leave --cache out: pictures "
                       "are then read as ranges of objects",
                       what, gib_up(need), (double)bytes / GIB, gib_up(need), other);
    free(what);
    free(other);
    return status;
}

int cache_check(struct store *const *store, int count, int64_t window, const struct remote_options *remote) {
    if (!remote->cache) return 0;
    struct largest *largest = measure(store, count);
    const int64_t need = need_of_all(largest, count, window);
    int status = need > remote->cache_bytes ? refuse(largest, count, window, need, remote->cache_bytes) : 0;
    release(&largest, count);
    return status;
}
