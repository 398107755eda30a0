// Finds an index file beside a shard, tells by its content which one it is, and holds what it says to the shard's
// length. No byte of the shard is read, but for the names that an index lacks (shard_index_energon).
#include "dataset/import/shard_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/formats.h"
#include "dataset/import/tar_record.h"

#define INDEX_BYTES_LIMIT (1u << 30)
#define TAR_BLOCK 512

void shard_index_release(struct shard_index *index) {
    for (size_t i = 0; i < index->count; i++) {
        free(index->sample[i].key);
        strings_release(&index->sample[i].captions);
    }
    free(index->sample);
    free(index->path);
    *index = (struct shard_index){0};
}

struct indexed_sample *shard_index_begin(struct shard_index *index) {
    if (index->count == index->capacity) {
        index->capacity = index->capacity ? 2 * index->capacity : 1024;
        index->sample = xrealloc_array(index->sample, index->capacity, sizeof *index->sample);
    }
    struct indexed_sample *sample = &index->sample[index->count++];
    *sample = (struct indexed_sample){.offset = index->end};
    return sample;
}

static bool has(const struct strings *keys, const struct buffer *suffix) {
    return importer_key(keys, suffix->bytes, suffix->size) >= 0;
}

unsigned shard_index_fields(struct importer *importer, const struct buffer *suffix) {
    const bool is_json = importer->options->json_text_key && !strcmp(suffix->bytes, "json"),
               is_video = tar_record_is_video(suffix);
    importer_saw(importer, suffix->bytes, suffix->size);
    unsigned fields = record_field_bit("id");
    if (has(&importer->image_keys, suffix)) fields |= record_field_bit(is_video ? "video" : "image");
    if (is_json || (!importer->options->json_text_key && has(&importer->caption_keys, suffix)))
        fields |= record_field_bit("captions");
    if (has(&importer->label_keys, suffix)) fields |= record_field_bit("labels");
    if (has(&importer->class_keys, suffix)) fields |= record_field_bit("class");
    if (has(&importer->class_keys, suffix) && importer_class_names(importer)) fields |= record_field_bit("labels");
    return fields;
}

static bool extend(struct shard_index *index, const struct indexed_member *member) {
    const int64_t offset = member->offset, length = member->length;
    if (offset < index->end + TAR_BLOCK || offset % TAR_BLOCK || length < 0 || length > RECORD_BYTES_LIMIT ||
        offset > INT64_MAX - 2 * (int64_t)RECORD_BYTES_LIMIT)
        return false;
    struct indexed_sample *sample = &index->sample[index->count - 1];
    index->end = offset + (length + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    sample->length = index->end - sample->offset;
    return sample->length <= RECORD_BYTES_LIMIT;
}

static bool is_same(const struct shard_index *index, const struct buffer *key) {
    const char *last = index->count ? index->sample[index->count - 1].key : NULL;
    return last && !strcmp(last, key->bytes);
}

bool shard_index_member(struct shard_index *index, struct importer *importer, const struct indexed_member *member) {
    struct buffer key = {0}, suffix = {0};
    const char *name = member->name, *base = name ? path_base(name) : NULL;
    bool right = true;
    if (!name || tar_is_sample(name, base)) {
        if (name)
            tar_split(&key, &suffix, name, base);
        else
            text_lower(&suffix, member->suffix, strlen(member->suffix));
        if (name && !is_same(index, &key)) shard_index_begin(index)->key = xstrdup(key.bytes);
        index->sample[index->count - 1].fields |= shard_index_fields(importer, &suffix);
        right = extend(index, member);
    }
    buffer_release(&key);
    buffer_release(&suffix);
    return right;
}

// Text of DALI begins with its version, JSON with a brace; Energon's numbers begin with an offset that is a multiple of
// 512, which neither is.
static int parse(struct shard_index *index, struct importer *importer, const struct buffer *bytes) {
    static const char *const dali = "DALI", *const webshart = "webshart", *const energon = "Energon";
    if (text_begins(bytes->bytes, "v1.")) return index->kind = dali, shard_index_dali(index, importer, bytes);
    if (*bytes->bytes == '{') return index->kind = webshart, shard_index_webshart(index, importer, bytes);
    return index->kind = energon, shard_index_energon(index, importer, bytes);
}

static int check(const struct shard_index *index, const struct object *object) {
    if (!index->count) return error(EXIT_DATA, "%s: names no sample; --scan reads the shard instead", index->path);
    if (object->bytes < 0 || index->end <= object->bytes) return 0;
    return error(EXIT_DATA,
                 "%s: names members up to byte %lld, %s has %lld bytes; make the index file anew, or --scan reads the "
                 "shard instead",
                 index->path, (long long)index->end, object->url, (long long)object->bytes);
}

static int load(struct shard_index *index, struct importer *importer, const struct shard_of_list *shard,
                const char *path) {
    struct buffer bytes = {0};
    *index = (struct shard_index){.path = xstrdup(path)};
    int status = shards_load(&bytes, path, INDEX_BYTES_LIMIT);
    if (!status) status = parse(index, importer, &bytes);
    if (!status) status = check(index, &shard->object);
    buffer_release(&bytes);
    if (status) shard_index_release(index);
    return status;
}

// img2dataset and webdataset put other JSON beside a shard: only one that has the files of a tar is an index.
static int is_index(const char *path, bool *there) {
    struct object object;
    int status = object_look(&object, path, NULL, there);
    if (!status) object_release(&object);
    if (status || !*there || !text_ends(path, ".json")) return status;
    struct buffer bytes = {0};
    json_error_t place;
    status = shards_load(&bytes, path, INDEX_BYTES_LIMIT);
    json_t *document = status ? NULL : json_parse(bytes.bytes, bytes.size, &place);
    *there = json_object_get(document, "files");
    json_decref(document);
    buffer_release(&bytes);
    return status;
}

// DALI's tool cuts the name of a shard at its first dot, Energon's and webshart's take off ".tar".
int shard_index_find(struct shard_index *index, struct importer *importer, const struct shard_of_list *shard,
                     bool *there) {
    *there = shard->index;
    if (shard->index) return load(index, importer, shard, shard->index);
    const char *path = shard->path, *base = path_base(path);
    const int stem = (int)(strlen(path) - (text_ends(path, ".tar") ? strlen(".tar") : 0)),
              first = (int)(base - path) + (int)strcspn(base, ".");
    char *const candidates[] = {xformat("%s.idx", path), xformat("%.*s.idx", first, path),
                                xformat("%.*s.json", stem, path)};
    int status = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (!status && !*there) {
            status = is_index(candidates[i], there);
            if (!status && *there) status = load(index, importer, shard, candidates[i]);
        }
        free(candidates[i]);
    }
    return status;
}
