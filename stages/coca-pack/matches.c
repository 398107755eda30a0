// Two ways to compare: with other datasets, where each record is on its own and threads share them; and within one, in
// order, where a record is compared with those before it that stay, so that of each group the first one does.
#include "matches.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/threads.h"
#include "near_hashes.h"
#include "stage/progress.h"

static const char *const words[] = {"", "exact", "hash", "embedding"};

const char *match_word(enum match_kind kind) {
    return words[kind];
}

// ---- equal pixels

struct known {
    const struct print *print;
    int64_t number;
};

static int compare(const void *a, const void *b) {
    const struct print *x = ((const struct known *)a)->print, *y = ((const struct known *)b)->print;
    if (x->pixels != y->pixels) return x->pixels < y->pixels ? -1 : 1;
    if (x->width != y->width) return x->width < y->width ? -1 : 1;
    return (x->height > y->height) - (x->height < y->height);
}

static int compare_in_order(const void *a, const void *b) {
    const int order = compare(a, b);
    const int64_t x = ((const struct known *)a)->number, y = ((const struct known *)b)->number;
    return order ? order : (x > y) - (x < y);
}

struct exact {
    struct known *known;
    size_t count;
};

static struct exact sort_exact(const struct print *print, int64_t records) {
    struct exact exact = {.known = xcalloc((size_t)records + 1, sizeof *exact.known)};
    for (int64_t i = 0; i < records; i++)
        if (print[i].width) exact.known[exact.count++] = (struct known){&print[i], i};
    qsort(exact.known, exact.count, sizeof *exact.known, compare_in_order);
    return exact;
}

// The first record with these pixels, −1: none.
static int64_t find_exact(const struct exact *exact, const struct print *print) {
    const struct known key = {print, 0}, *at = bsearch(&key, exact->known, exact->count, sizeof key, compare);
    if (!at) return -1;
    while (at > exact->known && !compare(at - 1, &key)) at--;
    return at->number;
}

// ---- prints

struct search {
    const struct print *print;
    int64_t records;
    struct exact exact;
    struct near_hashes *near; // NULL: only equal pixels count
    struct match *match;
};

static struct match find_near(const struct search *search, const struct print *print) {
    int bits;
    const int64_t other = search->near && print->has_look ? near_hashes_find(search->near, print->look, &bits) : -1;
    return other < 0 ? (struct match){MATCH_NONE, -1, 0} : (struct match){MATCH_HASH, other, bits};
}

enum { RECORDS_AT_ONCE = 4096 };

static void search_some(void *context, size_t item) {
    const struct search *search = context;
    const int64_t begin = (int64_t)item * RECORDS_AT_ONCE, end = begin + RECORDS_AT_ONCE;
    for (int64_t i = begin; i < end && i < search->records; i++) {
        const struct print *print = &search->print[i];
        const int64_t exact = print->width ? find_exact(&search->exact, print) : -1;
        search->match[i] = exact >= 0 ? (struct match){MATCH_EXACT, exact, 0} : find_near(search, print);
    }
}

static void add_near(struct near_hashes *near, const struct print *print, int64_t number) {
    if (near && print->has_look) near_hashes_add(near, print->look, number);
}

static void search_others(struct search *search, const struct print *against, int64_t records) {
    search->exact = sort_exact(against, records);
    for (int64_t i = 0; i < records; i++) add_near(search->near, &against[i], i);
    threads_each((size_t)((search->records + RECORDS_AT_ONCE - 1) / RECORDS_AT_ONCE), search_some, search);
}

// What looks like a record that was left out looks like the one that that one was left out for, or is compared anew.
static void search_within(struct search *search) {
    search->exact = sort_exact(search->print, search->records);
    for (int64_t i = 0; i < search->records; i++) {
        const struct print *print = &search->print[i];
        const int64_t exact = print->width ? find_exact(&search->exact, print) : i;
        struct match *match = &search->match[i];
        *match = find_near(search, print);
        if (exact < i && search->match[exact].kind == MATCH_NONE) *match = (struct match){MATCH_EXACT, exact, 0};
        if (match->kind == MATCH_NONE) add_near(search->near, print, i);
    }
}

struct match *matches_by_print(const struct print *print, int64_t records, const struct print *against,
                               int64_t against_records, int bits) {
    struct search search = {.print = print, .records = records, .near = bits < 0 ? NULL : near_hashes_new(bits)};
    search.match = xcalloc((size_t)records + 1, sizeof *search.match);
    if (against)
        search_others(&search, against, against_records);
    else
        search_within(&search);
    free(search.exact.known);
    near_hashes_free(&search.near);
    return search.match;
}

// ---- embeddings

static struct match match_of(struct near_row found) {
    return found.row < 0 ? (struct match){MATCH_NONE, -1, 0}
                         : (struct match){MATCH_EMBEDDING, found.row, found.similarity};
}

struct match *matches_by_row(const struct rows *rows, const struct rows *against, double similarity) {
    struct near_row *found = near_rows(rows, against, (float)similarity);
    struct match *match = xcalloc((size_t)rows->N + 1, sizeof *match);
    for (int64_t i = 0; i < rows->N; i++) match[i] = match_of(found[i]);
    free(found);
    return match;
}
