// One LMDB file, read only. LMDB is a B-tree in a file that is mapped into memory: values are handed out where they
// lie, no copy, no cache but the kernel's. store.c opens one reader a shard. What LMDB asks in return:
//
//   Values live as long as their transaction: there is one for the reader's life.
//   No lock file (MDB_NOLOCK): nobody writes a shard once it has its name, and data may lie on a read-only file system.
//   It believes its own pages: sizes are compared with the manifest first, and meta with its row.
//   An environment must not be used across fork: whoever forks opens behind it.
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "dataset/shard.h"

struct shard_reader {
    char *path;
    MDB_env *env;
    MDB_txn *txn; // one for the reader's life, so that values stay where they are
    MDB_dbi records;
    size_t size; // of the file
};

// Big endian, since LMDB orders keys by their bytes: records then lie in the order of their numbers.
void shard_key(uint8_t key[SHARD_KEY_SIZE], int64_t number) {
    for (int i = 0; i < SHARD_KEY_SIZE; i++) key[i] = (uint8_t)((uint64_t)number >> (8 * (SHARD_KEY_SIZE - 1 - i)));
}

static int damaged(const char *path, const char *what) {
    return error(EXIT_DATA, "%s: %s; copy or pack the dataset again", path, what);
}

// First of all, as a file of the wrong size is the commonest damage (a copy that was cut) and needs no LMDB to tell.
static int check_size(struct shard_reader *reader, int64_t expected) {
    struct stat about;
    if (stat(reader->path, &about)) return damaged(reader->path, "the shard is missing");
    if (about.st_size != expected)
        return error(EXIT_DATA, "%s: has %lld bytes, dataset.json lists %lld; copy or pack the dataset again",
                     reader->path, (long long)about.st_size, (long long)expected);
    reader->size = (size_t)about.st_size;
    return 0;
}

// The map is as large as the file: reading needs no more. No read-ahead, since a shuffled plan jumps.
static int open_environment(struct shard_reader *reader) {
    const unsigned flags = MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NORDAHEAD;
    int code = mdb_env_create(&reader->env);
    if (!code) code = mdb_env_set_mapsize(reader->env, reader->size);
    if (!code) code = mdb_env_open(reader->env, reader->path, flags, 0);
    if (!code) code = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, &reader->txn);
    if (!code) code = mdb_dbi_open(reader->txn, NULL, 0, &reader->records);
    return code ? damaged(reader->path, mdb_strerror(code)) : 0;
}

// LMDB trusts its own pages: one beyond the end of the file would be a bus error.
static int check_pages(struct shard_reader *reader) {
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(reader->env, &info);
    mdb_env_stat(reader->env, &stat);
    const uint64_t pages = reader->size / stat.ms_psize;
    return info.me_last_pgno >= pages ? damaged(reader->path, "the shard is cut") : 0;
}

static int check_meta(const struct shard_reader *reader, const struct manifest_shard *expected) {
    MDB_val key = {strlen(SHARD_META), (void *)SHARD_META}, meta;
    if (mdb_get(reader->txn, reader->records, &key, &meta)) return damaged(reader->path, "the shard has no meta");
    if (!manifest_meta_matches(expected, meta.mv_data, meta.mv_size))
        return damaged(reader->path, "the shard is not the one that dataset.json lists");
    return 0;
}

int shard_reader_open(struct shard_reader **reader, const char *path, const struct manifest_shard *expected) {
    struct shard_reader *new = *reader = xcalloc(1, sizeof *new);
    new->path = xstrdup(path);
    int status = check_size(new, expected->bytes);
    if (!status) status = open_environment(new);
    if (!status) status = check_pages(new);
    if (!status) status = check_meta(new, expected);
    if (status) shard_reader_close(reader);
    return status;
}

void shard_reader_close(struct shard_reader **reader) {
    if (!*reader) return;
    if ((*reader)->txn) mdb_txn_abort((*reader)->txn);
    if ((*reader)->env) mdb_env_close((*reader)->env);
    free((*reader)->path);
    free(*reader);
    *reader = NULL;
}

int shard_reader_get(const struct shard_reader *reader, int64_t number, struct span *value) {
    uint8_t bytes[SHARD_KEY_SIZE];
    shard_key(bytes, number);
    MDB_val key = {sizeof bytes, bytes}, found;
    int code = mdb_get(reader->txn, reader->records, &key, &found);
    if (code)
        return error(EXIT_DATA, "%s: record %lld: %s; copy or pack the dataset again", reader->path, (long long)number,
                     mdb_strerror(code));
    *value = (struct span){found.mv_data, found.mv_size};
    return 0;
}
