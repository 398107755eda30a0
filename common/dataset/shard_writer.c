// Writes one LMDB file from front to back. Keys ascend, so records are appended: pages fill up and none is split. What
// is written is in a directory aside until all of it is whole (store_writer.c, which calls), so nothing is synced in
// between.
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fail.h"
#include "base/hash.h"
#include "dataset/shard.h"

// Address space, not disk: the file grows as it is written. Twice what the dataset's writer lets a shard hold: values
// above half a page take whole ones.
#define MAP_BYTES ((size_t)32 << 30)
// Of values in one transaction: its dirty pages are in memory.
#define TRANSACTION_BYTES (64u << 20)

struct shard_writer {
    char *path;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi records;
    size_t uncommitted; // bytes
    struct manifest_shard state;
};

// 0 for no failure. LMDB calls a write that was cut short by a full disk an input/output error: so the space that is
// left is said.
static int failed(const struct shard_writer *writer, int code) {
    if (!code) return 0;
    struct statvfs disk;
    const bool known = !statvfs(writer->path, &disk);
    const unsigned long long mib = known ? (disk.f_bavail * (unsigned long long)disk.f_frsize) >> 20 : 0;
    return error(EXIT_RUN, "%s: cannot write: %s; the disk has %llu MiB left", writer->path, mdb_strerror(code), mib);
}

// Not synced until the shard is complete; it is written aside, so a crash before that loses nothing.
static int open_environment(struct shard_writer *writer) {
    const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NORDAHEAD;
    int code = mdb_env_create(&writer->env);
    if (!code) code = mdb_env_set_mapsize(writer->env, MAP_BYTES);
    if (!code) code = mdb_env_open(writer->env, writer->path, flags, 0644);
    if (!code) code = mdb_txn_begin(writer->env, NULL, 0, &writer->txn);
    if (!code) code = mdb_dbi_open(writer->txn, NULL, 0, &writer->records);
    return failed(writer, code);
}

int shard_writer_open(struct shard_writer **writer, const char *path, int version) {
    *writer = xcalloc(1, sizeof **writer);
    (*writer)->state.version = version;
    (*writer)->path = xstrdup(path);
    int status = open_environment(*writer);
    if (status) shard_writer_abandon(writer);
    return status;
}

// mdb_txn_commit frees the transaction whatever it returns.
static int commit(struct shard_writer *writer) {
    int code = mdb_txn_commit(writer->txn);
    writer->txn = NULL;
    writer->uncommitted = 0;
    return code;
}

// A transaction is opened by the first value that needs one and committed when it is large: LMDB keeps its changed
// pages in memory until then.
static int put(struct shard_writer *writer, struct span key, struct span value) {
    MDB_val k = {key.size, (void *)key.bytes}, v = {value.size, (void *)value.bytes};
    int code = 0;
    if (!writer->txn) code = mdb_txn_begin(writer->env, NULL, 0, &writer->txn);
    if (!code) code = mdb_put(writer->txn, writer->records, &k, &v, MDB_APPEND);
    writer->uncommitted += value.size;
    if (!code && writer->uncommitted >= TRANSACTION_BYTES) code = commit(writer);
    return failed(writer, code);
}

// The fingerprint is a chain: each value is hashed with the hash so far as the seed (manifest.h).
int shard_writer_add(struct shard_writer *writer, struct span value, struct span packed, unsigned fields) {
    struct manifest_shard *state = &writer->state;
    uint8_t key[SHARD_KEY_SIZE];
    shard_key(key, state->records);
    int status = put(writer, (struct span){key, sizeof key}, value);
    if (status) return status;
    state->records++;
    state->bytes += (int64_t)packed.size;
    state->fields |= fields;
    state->fingerprint = hash_bytes(packed.bytes, packed.size, state->fingerprint);
    return 0;
}

const struct manifest_shard *shard_writer_state(const struct shard_writer *writer) {
    return &writer->state;
}

// Numbers begin with a zero byte for ever, so `meta` is behind them all and may be appended. It comes last: a shard
// without is not whole. The size that the manifest lists is the file's, taken when all is on disk.
static int finish(struct shard_writer *writer, struct manifest_shard *shard) {
    char *meta = manifest_meta(&writer->state);
    int status = put(writer, (struct span){SHARD_META, strlen(SHARD_META)}, (struct span){meta, strlen(meta)});
    free(meta);
    if (!status && writer->txn) status = failed(writer, commit(writer));
    if (!status) status = failed(writer, mdb_env_sync(writer->env, 1));
    struct stat about;
    if (!status && stat(writer->path, &about)) status = error(EXIT_RUN, "%s: the shard has vanished", writer->path);
    if (status) return status;
    *shard = writer->state;
    shard->bytes = about.st_size;
    return 0;
}

// A transaction that is still open is given up: what it holds was never in the file.
static void release(struct shard_writer **writer) {
    if ((*writer)->txn) mdb_txn_abort((*writer)->txn);
    if ((*writer)->env) mdb_env_close((*writer)->env);
    free((*writer)->path);
    free(*writer);
    *writer = NULL;
}

int shard_writer_commit(struct shard_writer **writer, struct manifest_shard *shard) {
    int status = finish(*writer, shard);
    release(writer);
    return status;
}

void shard_writer_abandon(struct shard_writer **writer) {
    if (*writer) release(writer);
}
