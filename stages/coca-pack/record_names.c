// Which ids occur more often than once is found by their hashes: a million ids are 8 MB, not their texts.
#include "record_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

struct record_names {
    uint64_t *hash; // of ids that several records have, sorted
    size_t count;
};

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// Keeps one of each hash that occurs twice or more.
static void keep_shared(struct record_names *names) {
    size_t kept = 0;
    qsort(names->hash, names->count, sizeof *names->hash, compare);
    for (size_t i = 1; i < names->count; i++) {
        const bool again = names->hash[i] == names->hash[i - 1];
        if (again && (!kept || names->hash[kept - 1] != names->hash[i])) names->hash[kept++] = names->hash[i];
    }
    names->count = kept;
}

int record_names_read(struct record_names **names, struct store *store) {
    struct record_names *new = *names = xcalloc(1, sizeof *new);
    int status = 0;
    new->hash = xcalloc((size_t)store_count(store), sizeof *new->hash);
    for (int64_t i = 0; i < store_count(store) && !status; i++) {
        struct record record;
        char reason[RECORD_REASON];
        status = store_record(store, i, true, &record, reason);
        if (status) break;
        if (record.id.size) new->hash[new->count++] = hash_bytes(record.id.bytes, record.id.size, 0);
        record_release(&record);
    }
    keep_shared(new);
    return status;
}

void record_names_free(struct record_names **names) {
    if (*names) free((*names)->hash);
    free(*names);
    *names = NULL;
}

static bool is_plain(struct span id) {
    const char *text = id.bytes;
    size_t length;
    if (!id.size || *text == '#') return false;
    for (size_t at = 0; at < id.size; at += length)
        if (text_kind_of(text + at, id.size - at, &length) != TEXT_IS_SHOWN) return false;
    return true;
}

void record_name(const struct record_names *names, struct span id, int64_t number, struct buffer *text) {
    const uint64_t hash = hash_bytes(id.bytes, id.size, 0);
    const bool shared = names && bsearch(&hash, names->hash, names->count, sizeof hash, compare);
    if (is_plain(id) && !shared)
        buffer_append(text, id.bytes, id.size);
    else
        buffer_format(text, "#%lld", (long long)number);
}
