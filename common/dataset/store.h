// A dataset directory: dataset.json and LMDB shards (data/README.md).
#pragma once

#include <stdbool.h>

#include "dataset/record.h"

struct store;

// Opens read-only and lock-free. 0 or -EXIT_DATA, reported: not a dataset, cut, a format of the future, a shard that
// differs from dataset.json.
int store_open(struct store **store, const char *directory);
void store_close(struct store **store);

const char *store_path(const struct store *store);
int64_t store_count(const struct store *store);
uint64_t store_fingerprint(const struct store *store); // of counts, fields and records' hashes; kept in dataset.json
bool store_has(const struct store *store, const char *field);

// The encoded record `index`; borrowed from the map, valid until store_close. 0 or -EXIT_DATA, reported with shard and
// key.
int store_get(struct store *store, int64_t index, struct span *value);

struct store_writer;
// Writes shards aside in DIRECTORY.tmp; store_writer_commit renames. -EXIT_USAGE when the directory exists (unless
// `replace`).
int store_writer_open(struct store_writer **writer, const char *directory, int64_t records_per_shard, bool replace);
int store_writer_add(struct store_writer *writer, const struct record *record);
int store_writer_commit(struct store_writer **writer);
void store_writer_abandon(struct store_writer **writer);
