// Makes a dataset: shards filled one after the other in DIRECTORY.tmp, then the manifest, then the name. coca-pack
// calls it. Whoever opens DIRECTORY finds a whole dataset or none, whenever the writer dies; what it leaves is a .tmp,
// which the next run removes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "dataset/manifest.h"
#include "dataset/object_list.h"
#include "dataset/shard.h"
#include "dataset/store.h"

// A shard is closed when its values reach this, or its number of records.
#define SHARD_BYTES_LIMIT ((int64_t)16 << 30)

struct store_writer {
    char *directory, *aside;
    int64_t records_per_shard;
    bool replace;
    struct manifest manifest; // of the shards that are closed
    struct shard_writer *shard;
    struct buffer packed, value;  // of a record; the latter only where pictures stay in their places
    struct listed_object *listed; // in which they are
    int objects;
    const struct import_options *keys;
};

static char *without_slashes(const char *directory) {
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') length--;
    return xstrndup(directory, length);
}

// Only a dataset is ever replaced, never a directory that holds something else.
static int check_target(const char *directory, bool replace) {
    if (!file_exists(directory) && !directory_exists(directory)) return 0;
    char *manifest = path_join(directory, "dataset.json");
    const bool is_dataset = file_exists(manifest);
    free(manifest);
    if (!is_dataset) return error(EXIT_USAGE, "%s: exists and is not a dataset; give another name", directory);
    if (!replace) return error(EXIT_USAGE, "%s: exists; --replace packs it anew", directory);
    return 0;
}

// The target is looked at before hours of work, and again at the end.
int store_writer_open(struct store_writer **writer, const char *directory, int64_t records_per_shard, bool replace) {
    *writer = NULL;
    char *target = without_slashes(directory);
    int status = check_target(target, replace);
    if (status) {
        free(target);
        return status;
    }
    struct store_writer *new = *writer = xcalloc(1, sizeof *new);
    new->directory = target;
    new->aside = xformat("%s.tmp", target);
    new->records_per_shard = records_per_shard;
    new->replace = replace;
    status = directory_remove(new->aside);
    if (!status) status = directory_make(new->aside);
    if (status) store_writer_abandon(writer);
    return status;
}

const char *store_writer_path(const struct store_writer *writer) {
    return writer->aside;
}

int64_t store_writer_count(const struct store_writer *writer) {
    return writer->manifest.records + (writer->shard ? shard_writer_state(writer->shard)->records : 0);
}

static int open_shard(struct store_writer *writer) {
    if (writer->manifest.shard_count == MANIFEST_SHARDS)
        return error(EXIT_RUN, "%s: more than %d shards; raise --shard-records", writer->directory, MANIFEST_SHARDS);
    char *path = manifest_shard_path(writer->aside, writer->manifest.shard_count);
    int status = shard_writer_open(&writer->shard, path, writer->objects ? MANIFEST_VERSION_PLACES : MANIFEST_VERSION);
    free(path);
    return status;
}

// The shard is complete and on disk; only its row remains to be written.
static int close_shard(struct store_writer *writer) {
    struct manifest_shard shard;
    int status = shard_writer_commit(&writer->shard, &shard);
    if (!status) manifest_add(&writer->manifest, shard);
    return status;
}

// By bytes too, so that a shard fits the map of its writer, and copies in reasonable pieces.
static bool is_full(const struct store_writer *writer) {
    const struct manifest_shard *state = shard_writer_state(writer->shard);
    return state->records >= writer->records_per_shard || state->bytes >= SHARD_BYTES_LIMIT;
}

// Encoded first: a record that is too large spoils no shard.
static int encode(struct store_writer *writer, const struct record *record) {
    buffer_clear(&writer->packed);
    record_encode(record, &writer->packed);
    if (writer->packed.size <= RECORD_BYTES_LIMIT) return 0;
    return error(EXIT_DATA, "a record of %zu bytes is more than a dataset holds", writer->packed.size);
}

static struct span span_of(const struct buffer *buffer) {
    return (struct span){buffer->bytes, buffer->size};
}

static int add(struct store_writer *writer, struct span value, struct span packed, unsigned fields) {
    int status = writer->shard ? 0 : open_shard(writer);
    if (!status) status = shard_writer_add(writer->shard, value, packed, fields);
    if (!status && is_full(writer)) status = close_shard(writer);
    return status;
}

int store_writer_add(struct store_writer *writer, const struct record *record) {
    int status = encode(writer, record);
    const struct span packed = span_of(&writer->packed);
    return status ? status : add(writer, packed, packed, record_fields(record));
}

static void begin_object(struct store_writer *writer, const struct object *object) {
    const int count = writer->objects;
    if (count && writer->listed[count - 1].object == object) return;
    writer->listed = xrealloc_array(writer->listed, (size_t)count + 1, sizeof *writer->listed);
    writer->listed[writer->objects++] = (struct listed_object){.object = object, .first = store_writer_count(writer)};
}

// Known and counted as if it were packed, so that the same samples are the same dataset. Of a sample that was not read
// its place is all there is.
int store_writer_place(struct store_writer *writer, const struct record *record, const struct origin *origin) {
    struct object_places places;
    struct record texts = *record;
    const bool unread = origin->sample_length;
    int status = encode(writer, record);
    if (status) return status;
    begin_object(writer, origin->object);
    writer->listed[writer->objects - 1].has_unread |= unread;
    place_files(&places, record, origin, writer->objects - 1);
    texts.image = texts.video = (struct span){0};
    texts.image_count = 0;
    buffer_clear(&writer->value);
    place_encode(&texts, &places, &writer->value);
    place_release(&places);
    const struct span value = span_of(&writer->value);
    return add(writer, value, unread ? value : span_of(&writer->packed),
               unread ? origin->fields : record_fields(record));
}

void store_writer_keys(struct store_writer *writer, const struct import_options *keys) {
    writer->keys = keys;
}

static int write_objects(const struct store_writer *writer) {
    bool has_unread = false;
    if (!writer->objects) return 0;
    for (int i = 0; i < writer->objects; i++) has_unread |= writer->listed[i].has_unread;
    return object_list_write(writer->listed, writer->objects, has_unread ? writer->keys : NULL, writer->directory,
                             writer->aside);
}

static int rename_or_report(const char *from, const char *to) {
    return rename(from, to) ? error(EXIT_RUN, "%s: cannot be renamed to %s: %s", from, to, strerror(errno)) : 0;
}

// Two renames, where the file system has no exchange; the first is undone if the second fails.
static int rename_over(const char *from, const char *to) {
    char *old = xformat("%s.old.tmp", to);
    int status = directory_remove(old);
    if (!status) status = rename_or_report(to, old);
    if (!status && (status = rename_or_report(from, to))) rename(old, to);
    if (!status) status = directory_remove(old);
    free(old);
    return status;
}

// A directory cannot be renamed onto one that holds something, but two can change places in one step.
static int swap_in(const struct store_writer *writer) {
    const char *from = writer->aside, *to = writer->directory;
    if (!directory_exists(to)) return rename_or_report(from, to);
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE)) return directory_remove(from);
    return rename_over(from, to);
}

// The target is looked at again, as packing takes hours and somebody else may have taken the name.
static int finish(struct store_writer *writer) {
    int status = 0;
    if (!store_writer_count(writer)) status = error(EXIT_DATA, "%s: there is no record to write", writer->directory);
    if (!status && writer->shard) status = close_shard(writer);
    if (!status) status = write_objects(writer);
    if (!status) status = manifest_write(&writer->manifest, writer->aside);
    if (!status) status = directory_sync(writer->aside);
    if (!status) status = check_target(writer->directory, writer->replace);
    if (!status) status = swap_in(writer);
    if (!status) status = path_sync(writer->directory);
    return status;
}

static void release(struct store_writer **writer) {
    shard_writer_abandon(&(*writer)->shard);
    manifest_release(&(*writer)->manifest);
    buffer_release(&(*writer)->packed);
    buffer_release(&(*writer)->value);
    free((*writer)->listed);
    free((*writer)->directory);
    free((*writer)->aside);
    free(*writer);
    *writer = NULL;
}

int store_writer_commit(struct store_writer **writer) {
    int status = finish(*writer);
    if (status)
        store_writer_abandon(writer);
    else
        release(writer);
    return status;
}

void store_writer_abandon(struct store_writer **writer) {
    if (!*writer) return;
    directory_remove((*writer)->aside);
    release(writer);
}
