// One shard: an LMDB file of records under their numbers, 8 bytes big endian, and `meta`.
#pragma once

#include "dataset/manifest.h"
#include "dataset/record.h"

#define SHARD_KEY_SIZE 8
#define SHARD_META "meta"
void shard_key(uint8_t key[SHARD_KEY_SIZE], int64_t number);

struct shard_reader;
// 0 or -EXIT_DATA, reported: missing, cut, or not the shard that the manifest lists.
int shard_reader_open(struct shard_reader **reader, const char *path, const struct manifest_shard *expected);
void shard_reader_close(struct shard_reader **reader);
int shard_reader_get(const struct shard_reader *reader, int64_t number, struct span *value); // 0 or -EXIT_DATA

struct shard_writer;
int shard_writer_open(struct shard_writer **writer, const char *path, int version); // 0 or -EXIT_RUN
// `packed` is what the record is known and counted by, `value` itself where the value is the record.
int shard_writer_add(struct shard_writer *writer, struct span value, struct span packed, unsigned fields);
const struct manifest_shard *shard_writer_state(const struct shard_writer *writer); // so far; bytes: as packed
// Writes `meta` and syncs; `*shard` is what the manifest lists. Frees the writer whatever it returns.
int shard_writer_commit(struct shard_writer **writer, struct manifest_shard *shard);
void shard_writer_abandon(struct shard_writer **writer);
