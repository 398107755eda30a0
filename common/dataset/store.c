// A dataset as an array of encoded records: the manifest and its shards, all open at once, and a number mapped to the
// shard that holds it. sources.c, coca-score and coca-pack read through it. It decodes nothing.
#include "dataset/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/hash.h"
#include "dataset/blocks.h"
#include "dataset/manifest.h"
#include "dataset/placed.h"
#include "dataset/shard.h"

struct store {
    char *directory;
    struct manifest manifest;
    struct shard_reader **shard;
    int64_t *first;        // [shards + 1] number of each shard's first record
    struct placed *placed; // NULL: the values are the records
};

// All at once, so that a dataset that lacks a shard is refused at the start and not after hours. Maps cost address
// space, no memory.
static int open_shards(struct store *store) {
    const struct manifest *manifest = &store->manifest;
    store->shard = xcalloc((size_t)manifest->shard_count, sizeof *store->shard);
    store->first = xcalloc((size_t)manifest->shard_count + 1, sizeof *store->first);
    int status = 0;
    for (int i = 0; i < manifest->shard_count && !status; i++) {
        char *path = manifest_shard_path(store->directory, i);
        status = shard_reader_open(&store->shard[i], path, &manifest->shard[i]);
        store->first[i + 1] = store->first[i] + manifest->shard[i].records;
        free(path);
    }
    return status;
}

int store_open_remote(struct store **store, const char *directory, const struct remote_options *remote) {
    struct store *new = *store = xcalloc(1, sizeof *new);
    new->directory = xstrdup(directory);
    int status = manifest_read(&new->manifest, directory);
    if (!status) status = open_shards(new);
    if (!status && new->manifest.version == MANIFEST_VERSION_PLACES)
        status = placed_open(&new->placed, directory, new->manifest.records, remote);
    if (status) store_close(store);
    return status;
}

int store_open(struct store **store, const char *directory) {
    return store_open_remote(store, directory, NULL);
}

void store_close(struct store **store) {
    if (!*store) return;
    for (int i = 0; i < (*store)->manifest.shard_count && (*store)->shard; i++) shard_reader_close(&(*store)->shard[i]);
    placed_close(&(*store)->placed);
    free((*store)->shard);
    free((*store)->first);
    manifest_release(&(*store)->manifest);
    free((*store)->directory);
    free(*store);
    *store = NULL;
}

const char *store_path(const struct store *store) {
    return store->directory;
}

int64_t store_count(const struct store *store) {
    return store->manifest.records;
}

int store_shards(const struct store *store) {
    return store->manifest.shard_count;
}

// From the manifest, whose shards were held to it when they were opened; store_verify reads the data themselves.
uint64_t store_fingerprint(const struct store *store) {
    return manifest_fingerprint(&store->manifest);
}

unsigned store_fields(const struct store *store) {
    return store->manifest.fields;
}

bool store_has(const struct store *store, const char *field) {
    return store->manifest.fields & record_field_bit(field);
}

// E.g. shards of 100, 100 and 50 records: first = 0, 100, 200, 250, and record 230 is number 30 of shard 2.
static int get_stored(struct store *store, int64_t index, struct span *value) {
    if (index < 0 || index >= store->manifest.records)
        return error(EXIT_DATA, "%s: no record %lld, there are %lld", store->directory, (long long)index,
                     (long long)store->manifest.records);
    const int shard = part_of(store->first, store->manifest.shard_count, index);
    return shard_reader_get(store->shard[shard], index - store->first[shard], value);
}

int store_get(struct store *store, int64_t index, struct buffer *memory, struct span *value) {
    int status = get_stored(store, index, value);
    return status || !store->placed ? status : placed_get(store->placed, index, *value, memory, value);
}

int store_record(struct store *store, int64_t index, bool texts, struct record *record, char reason[RECORD_REASON]) {
    struct span value;
    int status = get_stored(store, index, &value);
    *reason = 0;
    if (status) return status;
    if (store->placed) return placed_record(store->placed, index, value, texts, record, reason);
    if (record_decode(record, value.bytes, value.size, reason)) *record = RECORD_EMPTY;
    return 0;
}

static int read_whole(struct store *store, int64_t index, bool texts, struct record *record) {
    char reason[RECORD_REASON];
    int status = store_record(store, index, texts, record, reason);
    if (status || !*reason) return status;
    record_release(record);
    return error(EXIT_DATA, "%s: record %lld: %s", store->directory, (long long)index, reason);
}

int store_read(struct store *store, int64_t index, struct record *record) {
    return read_whole(store, index, false, record);
}

int store_texts(struct store *store, int64_t index, struct record *record) {
    return read_whole(store, index, true, record);
}

int store_parts(const struct store *store, const int64_t **first) {
    if (store->placed) return placed_parts(store->placed, first);
    *first = store->first;
    return store->manifest.shard_count;
}

int64_t store_remote_bytes(const struct store *store, int part) {
    return store->placed ? placed_remote_bytes(store->placed, part) : 0;
}

void store_ahead(struct store *store, const int *part, int count) {
    if (store->placed) placed_ahead(store->placed, part, count);
}

// The chain of hashes as the writer made it: each value's seed is the hash before, so order counts, and one wrong byte
// changes all that follow.
static int chain(const struct store *store, int shard, struct buffer *memory, uint64_t *hash) {
    struct span value;
    int status = 0;
    for (int64_t i = 0; i < store->manifest.shard[shard].records && !status; i++) {
        status = shard_reader_get(store->shard[shard], i, &value);
        if (!status && store->placed)
            status = placed_packed(store->placed, store->first[shard] + i, value, memory, &value);
        if (!status) *hash = hash_bytes(value.bytes, value.size, *hash);
    }
    return status;
}

static int verify_shard(const struct store *store, int shard) {
    const struct manifest_shard *expected = &store->manifest.shard[shard];
    struct buffer memory = {0};
    uint64_t hash = 0;
    int status = chain(store, shard, &memory, &hash);
    buffer_release(&memory);
    if (status) return status;
    if (hash != expected->fingerprint)
        return error(EXIT_DATA, "%s/%05d.lmdb: the records are not those that were packed; copy or pack them again",
                     store->directory, shard);
    return 0;
}

int store_verify(struct store *store) {
    int status = 0;
    for (int i = 0; i < store->manifest.shard_count && !status; i++) status = verify_shard(store, i);
    return status;
}
