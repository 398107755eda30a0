// A dataset directory: dataset.json and LMDB shards (data/README.md). What lies in the shards are the records, or, in
// one that `coca-pack index` made, texts and the places of pictures in objects of others, from which records are then
// made.
//
// A store must not be used across fork: LMDB forbids it. Reading from several threads is fine.
#pragma once

#include <stdbool.h>

#include "dataset/record.h"
#include "remote/objects.h"

struct store;

// Opens read-only and lock-free. 0 or -EXIT_DATA, reported: not a dataset, cut, a format of the future, a shard that
// differs from dataset.json.
int store_open(struct store **store, const char *directory);
// The same; `remote` says how objects are read, NULL: REMOTE_DEFAULTS.
int store_open_remote(struct store **store, const char *directory, const struct remote_options *remote);
void store_close(struct store **store);

const char *store_path(const struct store *store);
int64_t store_count(const struct store *store);
int store_shards(const struct store *store);
uint64_t store_fingerprint(const struct store *store); // of counts and records' hashes; kept in dataset.json
unsigned store_fields(const struct store *store);      // those that any record has, as record_fields
bool store_has(const struct store *store, const char *field);

// The encoded record `index`: borrowed from the map until store_close, or made in `memory`, whose content it replaces.
// 0; -EXIT_DATA or -EXIT_RUN, reported with shard and key, or with the object that could not be had.
int store_get(struct store *store, int64_t index, struct buffer *memory, struct span *value);
// The same decoded, without pictures and video where only texts are wanted and these lie in objects, which are then not
// read, but for samples of others' index files, whose texts nobody has read before. A record that makes no sense is
// empty, with `reason`, which is "" else. 0, then record_release; or as store_get.
int store_record(struct store *store, int64_t index, bool texts, struct record *record, char reason[RECORD_REASON]);
// The same, where a record that makes no sense is -EXIT_DATA, reported.
int store_read(struct store *store, int64_t index, struct record *record);
int store_texts(struct store *store, int64_t index, struct record *record);

// The parts of the dataset that lie together: its shards, or the objects of others. Part i holds the records first[i] …
// first[i + 1] − 1; `first` has parts + 1 items and is the store's.
int store_parts(const struct store *store, const int64_t **first);
// Bytes of the object that a part is, where it is not of this host: of shards and of objects that are files 0.
int64_t store_remote_bytes(const struct store *store, int part);
// Parts that are needed next, in that order: what is not here is fetched meanwhile (objects_ahead).
void store_ahead(struct store *store, const int *part, int count);

// Reads every record and compares with the fingerprints of dataset.json. 0 or -EXIT_DATA, reported with the shard.
int store_verify(struct store *store);

struct store_writer;
struct import_options;
struct origin;
// Writes shards aside in DIRECTORY.tmp; store_writer_commit renames. -EXIT_USAGE when the directory exists (unless
// `replace`, and it is a dataset).
int store_writer_open(struct store_writer **writer, const char *directory, int64_t records_per_shard, bool replace);
const char *store_writer_path(const struct store_writer *writer); // DIRECTORY.tmp, for files that belong beside
int64_t store_writer_count(const struct store_writer *writer);
int store_writer_add(struct store_writer *writer, const struct record *record);
// Adds a record of a dataset whose pictures and videos stay where they are, all records so or none. The origin's object
// must live until the commit.
int store_writer_place(struct store_writer *writer, const struct record *record, const struct origin *origin);
// What the members of samples that were not read are called; borrowed until the commit.
void store_writer_keys(struct store_writer *writer, const struct import_options *keys);
// Frees the writer whatever it returns. Of a failure nothing remains.
int store_writer_commit(struct store_writer **writer);
void store_writer_abandon(struct store_writer **writer);
