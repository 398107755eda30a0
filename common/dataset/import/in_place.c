// Tar shards that stay where they are: each is scanned as `pack` would read it, or taken from an index file of others,
// and its samples are given with their origin. What lists and statistics say of a shard it is held to.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/draft.h"
#include "dataset/import/formats.h"
#include "dataset/import/shard_index.h"
#include "dataset/import/tar_input.h"

#define STATISTICS_BYTES_LIMIT (64u << 20)

// Of an unread sample all that is known: its key, captions that stand in the index, and its place.
static int give(struct importer *importer, const struct shard_index *index, size_t number) {
    const struct indexed_sample *sample = &index->sample[number];
    struct draft draft = {0};
    draft_clear(&draft);
    if (sample->key) {
        buffer_text(&draft.id, sample->key);
        buffer_format(&draft.name, "%s: %s", path_base(importer->path), sample->key);
    } else {
        buffer_format(&draft.name, "%s: sample %zu", path_base(importer->path), number);
    }
    for (size_t i = 0; i < sample->captions.count; i++)
        draft_caption(&draft, sample->captions.item[i], strlen(sample->captions.item[i]));
    draft.at.sample = sample->offset;
    draft.at.sample_length = sample->length;
    draft.at.fields = sample->fields;
    int status = draft_give(&draft, importer);
    draft_release(&draft);
    return status;
}

static int give_all(struct importer *importer, const struct shard_index *index) {
    int status = 0;
    for (size_t i = 0; i < index->count && !status; i++) status = give(importer, index, i);
    if (!status)
        note("%s: %zu samples by %s's %s, whose pictures were not checked", importer->path, index->count, index->kind,
             index->path);
    return status;
}

static int scan(struct importer *importer) {
    const int64_t before = importer->seen.samples;
    int status = import_tar.run(importer, importer->path);
    if (!status) note("%s: %lld samples, scanned", importer->path, (long long)(importer->seen.samples - before));
    return status;
}

static int read_samples(struct importer *importer, const struct shard_of_list *shard) {
    struct shard_index index;
    bool there = false;
    int status = importer->options->scan ? 0 : shard_index_find(&index, importer, shard, &there);
    if (status || !there) return status ? status : scan(importer);
    status = give_all(importer, &index);
    shard_index_release(&index);
    return status;
}

// img2dataset's NNNNN_stats.json says how many pictures it put into the shard.
static int check_statistics(const struct importer *importer, int64_t samples) {
    const char *path = importer->path;
    if (!text_ends(path, ".tar")) return 0;
    char *name = xformat("%.*s_stats.json", (int)(strlen(path) - strlen(".tar")), path);
    struct object object;
    struct buffer bytes = {0};
    json_error_t place;
    bool there = false;
    int status = object_look(&object, name, NULL, &there);
    if (!status) object_release(&object);
    if (!status && there) status = shards_load(&bytes, name, STATISTICS_BYTES_LIMIT);
    json_t *document = status || !there ? NULL : json_parse(bytes.bytes, bytes.size, &place);
    const json_t *successes = json_object_get(document, "successes");
    if (json_is_integer(successes) && json_integer_value(successes) != samples)
        warn("%s: says %lld pictures, %s has %lld samples", name, (long long)json_integer_value(successes),
             path_base(path), (long long)samples);
    json_decref(document);
    buffer_release(&bytes);
    free(name);
    return status;
}

static int check_count(const struct importer *importer, const struct shard_of_list *shard, int64_t samples) {
    if (shard->samples < 0 || shard->samples == samples) return check_statistics(importer, samples);
    return error(EXIT_DATA, "%s: has %lld samples, its list says %lld; copy the shard again, or make the list anew",
                 shard->path, (long long)samples, (long long)shard->samples);
}

static int look(const struct importer *importer, struct shard_of_list *shard) {
    bool there = false;
    if (object_kind_of(shard->path) == OBJECT_PIPE || !strcmp(shard->path, "-"))
        return error(EXIT_DATA, "%s: what comes once has no places; pack it: coca-pack pack --from tar", shard->path);
    int status = object_look(&shard->object, shard->path, NULL, &there);
    if (!status && !there)
        status =
            error(EXIT_DATA, "%s: there is no such shard; --skip-bad-shards leaves out what is not there", shard->path);
    if (!status && shard->bytes >= 0 && shard->object.bytes >= 0 && shard->object.bytes != shard->bytes)
        status = error(EXIT_DATA, "%s: has %lld bytes, its list says %lld; copy the shard again, or make the list anew",
                       shard->path, (long long)shard->object.bytes, (long long)shard->bytes);
    return status || !importer->options->skip_bad ? status : tar_input_check(shard->path);
}

static int run(struct importer *importer, const char *path) {
    struct shard_of_list *shard = importer->options->shards->shard[importer->turn];
    const int64_t before = importer->seen.samples;
    int status = look(importer, shard);
    if (status == -EXIT_DATA && importer->options->skip_bad) {
        warn("%s: is left out (--skip-bad-shards)", path);
        return 0;
    }
    importer->object = &shard->object;
    if (!status) status = read_samples(importer, shard);
    return status ? status : check_count(importer, shard, importer->seen.samples - before);
}

const struct import_format import_in_place = {
    .name = "in-place",
    .keys = "suffixes",
    .has_suffixes = true,
    .image_key = PICTURE_SUFFIXES,
    .caption_key = "txt",
    .class_key = "cls",
    .run = run,
};
