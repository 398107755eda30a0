// dataset.json, read and written. It is what a dataset is known by: the number of records, which the plan divides, the
// fields, which stages ask for, and fingerprints, by which a run notices that its data changed. Each shard's `meta`
// repeats its row, so that shards of two datasets, or of two versions, are not mixed up. store.c reads it,
// store_writer.c writes it last, and a directory without it is no dataset.
#include "dataset/manifest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "dataset/record.h"

#define MANIFEST_FILE "dataset.json"
#define MANIFEST_FORMAT "cocaflow dataset"
#define MANIFEST_BYTES_LIMIT (64u << 20)

char *manifest_shard_path(const char *directory, int shard) {
    return xformat("%s/%05d.lmdb", directory, shard);
}

// Sums follow from the shards and are never set apart, so that they cannot disagree with them here.
void manifest_add(struct manifest *manifest, struct manifest_shard shard) {
    manifest->shard = xrealloc_array(manifest->shard, (size_t)manifest->shard_count + 1, sizeof shard);
    manifest->shard[manifest->shard_count++] = shard;
    manifest->records += shard.records;
    manifest->fields |= shard.fields;
    manifest->version = shard.version;
}

void manifest_release(struct manifest *manifest) {
    free(manifest->shard);
    *manifest = (struct manifest){0};
}

// Little endian by hand, so that the hash is the same everywhere. Cutting a dataset into other shards changes it,
// though the records are the same.
uint64_t manifest_fingerprint(const struct manifest *manifest) {
    struct buffer bytes = {0};
    for (int i = 0; i < manifest->shard_count; i++)
        for (int bit = 0; bit < 64; bit += 8)
            buffer_append(&bytes, &(uint8_t){(uint8_t)(manifest->shard[i].fingerprint >> bit)}, 1);
    uint64_t hash = hash_bytes(bytes.bytes, bytes.size, (uint64_t)manifest->records);
    buffer_release(&bytes);
    return hash;
}

static json_t *fields_to_json(unsigned fields) {
    json_t *names = json_array();
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (fields >> i & 1) json_array_append_new(names, json_string(record_field_name(i)));
    return names;
}

// A name that this version does not know is as good as absent.
static unsigned fields_from_json(const json_t *names) {
    unsigned fields = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name) fields |= record_field_bit(name);
    }
    return fields;
}

static bool hash_is(uint64_t hash, const char *text) {
    uint64_t found;
    return hash_parse(&found, text) && found == hash;
}

static json_t *shard_to_json(const struct manifest_shard *shard) {
    return json_pack("{s:I, s:o, s:o}", "records", (json_int_t)shard->records, "fields", fields_to_json(shard->fields),
                     "fingerprint", json_hash(shard->fingerprint));
}

// Sorted keys: the same shard has the same bytes.
char *manifest_meta(const struct manifest_shard *shard) {
    json_t *meta = shard_to_json(shard);
    json_object_set_new(meta, "version", json_integer(shard->version));
    char *text = json_dumps(meta, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(meta);
    return text;
}

// The fields need not be compared: they follow from the records, which the fingerprint is of.
bool manifest_meta_matches(const struct manifest_shard *shard, const void *meta, size_t size) {
    json_t *object = json_loadb(meta, size, JSON_REJECT_DUPLICATES, NULL);
    json_int_t version, records;
    const char *fingerprint;
    bool matches = object &&
                   !json_unpack(object, "{s:I, s:I, s:s}", "version", &version, "records", &records, "fingerprint",
                                &fingerprint) &&
                   version == shard->version && records == shard->records && hash_is(shard->fingerprint, fingerprint);
    json_decref(object);
    return matches;
}

// A row is what `meta` of the shard says, and its size in bytes, which the shard itself cannot hold: it is known last.
static json_t *shards_to_json(const struct manifest *manifest) {
    json_t *shards = json_array();
    for (int i = 0; i < manifest->shard_count; i++) {
        json_t *shard = shard_to_json(&manifest->shard[i]);
        json_object_set_new(shard, "bytes", json_integer(manifest->shard[i].bytes));
        json_array_append_new(shards, shard);
    }
    return shards;
}

int manifest_write(const struct manifest *manifest, const char *directory) {
    json_t *document =
        json_pack("{s:s, s:i, s:I, s:o, s:o, s:o}", "format", MANIFEST_FORMAT, "version", manifest->version, "records",
                  (json_int_t)manifest->records, "fields", fields_to_json(manifest->fields), "fingerprint",
                  json_hash(manifest_fingerprint(manifest)), "shards", shards_to_json(manifest));
    char *path = path_join(directory, MANIFEST_FILE);
    int status = json_write(path, document);
    free(path);
    json_decref(document);
    return status;
}

// Numbers of records are used as array indices and divided by later: what cannot be one is refused here.
static int shard_from_json(struct manifest *manifest, json_t *object, const char *path) {
    json_int_t records, bytes;
    json_t *fields;
    const char *fingerprint;
    json_error_t place;
    if (json_unpack_ex(object, &place, 0, "{s:I, s:I, s:o, s:s}", "records", &records, "bytes", &bytes, "fields",
                       &fields, "fingerprint", &fingerprint))
        return error(EXIT_DATA, "%s: shard %d: %s", path, manifest->shard_count, place.text);
    struct manifest_shard shard = {
        .version = manifest->version, .records = records, .bytes = bytes, .fields = fields_from_json(fields)};
    if (records < 0 || records > INT32_MAX || bytes < 0 || !hash_parse(&shard.fingerprint, fingerprint))
        return error(EXIT_DATA, "%s: shard %d has impossible values", path, manifest->shard_count);
    manifest_add(manifest, shard);
    return 0;
}

static int shards_from_json(struct manifest *manifest, const json_t *shards, const char *path) {
    const size_t count = json_array_size(shards);
    if (!count || count > MANIFEST_SHARDS) return error(EXIT_DATA, "%s: \"shards\" lists %zu shards", path, count);
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) status = shard_from_json(manifest, json_array_get(shards, i), path);
    return status;
}

// In order of what a reader needs to be told: another kind of file, another version, a damaged row, and sums that do
// not agree, which is a manifest that was edited or shards that were exchanged.
static int parse(struct manifest *manifest, json_t *document, const char *path) {
    const char *format, *fingerprint;
    int version;
    json_int_t records;
    json_t *shards;
    json_error_t place;
    if (json_unpack_ex(document, &place, 0, "{s:s, s:i}", "format", &format, "version", &version) ||
        strcmp(format, MANIFEST_FORMAT))
        return error(EXIT_DATA, "%s: not a cocaflow dataset; coca-pack makes one", path);
    if (version != MANIFEST_VERSION && version != MANIFEST_VERSION_PLACES)
        return error(EXIT_DATA, "%s: format version %d, this program reads %d and %d; pack the data again", path,
                     version, MANIFEST_VERSION, MANIFEST_VERSION_PLACES);
    if (json_unpack_ex(document, &place, 0, "{s:I, s:s, s:o}", "records", &records, "fingerprint", &fingerprint,
                       "shards", &shards))
        return error(EXIT_DATA, "%s: %s", path, place.text);
    manifest->version = version;
    int status = shards_from_json(manifest, shards, path);
    if (status) return status;
    if (records != manifest->records || !hash_is(manifest_fingerprint(manifest), fingerprint))
        return error(EXIT_DATA, "%s: the shards listed are not those of the dataset; pack the data again", path);
    return 0;
}

// Three mistakes with three remedies: no such directory, a directory of something else, a manifest that cannot be read.
int manifest_read(struct manifest *manifest, const char *directory) {
    *manifest = (struct manifest){0};
    if (!directory_exists(directory)) return error(EXIT_DATA, "%s: no such dataset directory", directory);
    char *path = path_join(directory, MANIFEST_FILE);
    json_t *document = NULL;
    int status = 0;
    if (!file_exists(path))
        status = error(EXIT_DATA, "%s: not a dataset (it has no %s); coca-pack makes one", directory, MANIFEST_FILE);
    else if (!(document = json_read(path, MANIFEST_BYTES_LIMIT)))
        status = -EXIT_DATA;
    else
        status = parse(manifest, document, path);
    if (status) manifest_release(manifest);
    json_decref(document);
    free(path);
    return status;
}
