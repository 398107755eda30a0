// dataset.json: what a dataset directory holds (data/README.md). Shard i is the file "%05d.lmdb".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_VERSION 1        // what lies in the shards are records
#define MANIFEST_VERSION_PLACES 2 // texts, and the places of pictures in objects (place.h)
#define MANIFEST_SHARDS 100000

struct manifest_shard {
    int version;            // of what lies in it: as of the dataset
    int64_t records, bytes; // bytes of the file
    unsigned fields;        // those that any record has, as record_fields
    uint64_t fingerprint; // XXH64 over its records in order, as packed, each with the hash before it as seed, the first
                          // with 0
};

struct manifest {
    int version;
    int64_t records;
    unsigned fields;
    struct manifest_shard *shard;
    int shard_count;
};

// 0 or -EXIT_DATA, reported: not a dataset, sums that do not agree, a version of the future.
int manifest_read(struct manifest *manifest, const char *directory);
int manifest_write(const struct manifest *manifest, const char *directory); // 0 or -EXIT_RUN
void manifest_release(struct manifest *manifest);

void manifest_add(struct manifest *manifest, struct manifest_shard shard); // its version becomes the manifest's
// XXH64 over the shards' fingerprints, 8 bytes little endian each, with Σ records as seed.
uint64_t manifest_fingerprint(const struct manifest *manifest);

// What the key `meta` of a shard holds, JSON text that the caller frees; and whether such a text is that of `shard`.
char *manifest_meta(const struct manifest_shard *shard);
bool manifest_meta_matches(const struct manifest_shard *shard, const void *meta, size_t size);

char *manifest_shard_path(const char *directory, int shard); // the caller frees
