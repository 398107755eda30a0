// Makes records of texts that are here and pictures that are not. Pictures that were read when the dataset was made are
// known by their hashes: what comes is those bytes or an error. Of a sample that only an index of others names, the
// stretch of the tar is read and understood as `pack` would have; that it has the key that was named is all that is
// known of it, beside the object's length and tag. store.c calls.
#include "dataset/placed.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "dataset/fit_text.h"
#include "dataset/object_list.h"
#include "dataset/place.h"

struct placed {
    char *directory;
    struct object_list list;
    struct objects *objects;
};

int placed_open(struct placed **placed, const char *directory, int64_t records, const struct remote_options *remote) {
    static const struct remote_options defaults = REMOTE_DEFAULTS;
    struct placed *new = *placed = xcalloc(1, sizeof *new);
    new->directory = xstrdup(directory);
    int status = object_list_read(&new->list, directory, records);
    if (!status) status = objects_open(&new->objects, new->list.object, new->list.count, remote ? remote : &defaults);
    if (status) placed_close(placed);
    return status;
}

void placed_close(struct placed **placed) {
    if (!*placed) return;
    objects_close(&(*placed)->objects);
    object_list_release(&(*placed)->list);
    free((*placed)->directory);
    free(*placed);
    *placed = NULL;
}

// What is asked for.
struct wanted {
    const struct placed *placed;
    int64_t index;
    struct record record; // what is stored of it
    struct object_places places;
    bool texts_only;
};

static int damaged(const struct wanted *wanted, const char *why) {
    return error(EXIT_DATA, "%s: record %lld: %s; index the shards again", wanted->placed->directory,
                 (long long)wanted->index, why);
}

static const struct object *object_of(const struct wanted *wanted, const struct object_place *place) {
    return &wanted->placed->list.object[place->object];
}

static int want(struct wanted *wanted, const struct placed *placed, int64_t index, struct span stored) {
    char reason[RECORD_REASON];
    *wanted = (struct wanted){.placed = placed, .index = index};
    if (place_decode(&wanted->record, &wanted->places, stored.bytes, stored.size, reason))
        return damaged(wanted, reason);
    int status = 0;
    for (int i = 0; i < wanted->places.count; i++)
        if (wanted->places.place[i].object >= placed->list.count) status = -EXIT_DATA;
    if (!status) return 0;
    record_release(&wanted->record);
    place_release(&wanted->places);
    return damaged(wanted, "its object is none of " OBJECT_LIST_FILE);
}

static void release(struct wanted *wanted) {
    record_release(&wanted->record);
    place_release(&wanted->places);
}

static bool is_unread(const struct wanted *wanted) {
    return wanted->places.count && wanted->places.place->kind == PLACE_SAMPLE;
}

static int read_place(const struct wanted *wanted, const struct object_place *place, struct buffer *bytes) {
    const size_t before = bytes->size;
    int status = objects_read(wanted->placed->objects, place->object, place->offset, (size_t)place->length, bytes);
    if (status || place->kind == PLACE_SAMPLE ||
        hash_bytes(bytes->bytes + before, (size_t)place->length, 0) == place->hash)
        return status;
    return error(EXIT_DATA,
                 "%s: the %lld bytes from %lld are not those that were indexed as record %lld of %s; put the old shard "
                 "back, or index the shards again",
                 object_of(wanted, place)->url, (long long)place->length, (long long)place->offset,
                 (long long)wanted->index, wanted->placed->directory);
}

// Spans are set when all bytes are there, as the buffer moves while it grows. Images stand in the value or in places,
// never in both (place.c).
static void set_files(struct wanted *wanted, const char *bytes) {
    struct record *record = &wanted->record;
    for (int i = 0; i < wanted->places.count; i++) {
        const struct object_place *place = &wanted->places.place[i];
        const struct span file = {bytes, (size_t)place->length};
        if (place->kind == PLACE_IMAGES && !record->images)
            record->images = xcalloc((size_t)wanted->places.count, sizeof *record->images);
        if (place->kind == PLACE_IMAGES)
            record->images[record->image_count++] = file;
        else
            *(place->kind == PLACE_IMAGE ? &record->image : &record->video) = file;
        bytes += file.size;
    }
}

static int read_files(struct wanted *wanted, struct buffer *files) {
    int status = 0;
    for (int i = 0; i < wanted->places.count && !status; i++)
        status = read_place(wanted, &wanted->places.place[i], files);
    if (!status) set_files(wanted, files->bytes);
    return status;
}

static int make_record(struct wanted *wanted, struct span stored, struct buffer *memory) {
    struct buffer files = {0};
    int status = read_files(wanted, &files);
    if (!status) {
        buffer_reserve(memory, files.size + stored.size);
        record_encode(&wanted->record, memory);
    }
    buffer_release(&files);
    return status;
}

// Texts as `pack` leaves them.
static int fit_texts(struct span *texts, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (text_fit(&texts[i]) == TEXT_FIT) texts[kept++] = texts[i];
    return kept;
}

static void fit_one(struct span *text) {
    if (text->size && text_fit(text) != TEXT_FIT) *text = (struct span){0};
}

static void fit_all(struct record *record) {
    record->caption_count = fit_texts(record->captions, record->caption_count);
    record->label_count = fit_texts(record->labels, record->label_count);
    record->answer_count = fit_texts(record->answers, record->answer_count);
    fit_one(&record->question);
    fit_one(&record->question_type);
    fit_one(&record->answer_type);
    fit_one(&record->answer);
}

// The sample of a stretch: by the key that was named, or the first with a picture.
struct finding {
    char *name; // as the importer will name it; NULL: no key is known
    struct buffer encoded;
    bool is_found;
};

static bool is_it(const struct finding *finding, const struct import_sample *sample) {
    const struct record *record = &sample->record;
    if (finding->name) return !strcmp(sample->name, finding->name);
    return record->image.size || record->image_count || record->video.size;
}

static int find(void *context, const struct import_sample *sample) {
    struct finding *finding = context;
    if (finding->is_found || !is_it(finding, sample)) return 0;
    finding->is_found = true;
    record_encode(&sample->record, &finding->encoded);
    return 0;
}

// What the index of others said of its texts counts where the sample has none.
static int merge(const struct wanted *wanted, const struct finding *finding, struct buffer *memory) {
    char reason[RECORD_REASON];
    struct record record;
    if (record_decode(&record, finding->encoded.bytes, finding->encoded.size, reason)) return damaged(wanted, reason);
    fit_all(&record);
    struct record whole = record;
    if (!record.caption_count) {
        whole.captions = wanted->record.captions;
        whole.caption_count = wanted->record.caption_count;
    }
    if (wanted->texts_only) {
        whole.image = whole.video = (struct span){0};
        whole.image_count = 0;
    }
    record_encode(&whole, memory);
    record_release(&record);
    return 0;
}

static char *name_of(const struct wanted *wanted, const char *url) {
    const struct span id = wanted->record.id;
    struct buffer key = {0};
    if (!id.size) return NULL;
    text_unescape(&key, id.bytes, id.size);
    char *name = xformat("%s: %s", path_base(url), key.bytes);
    buffer_release(&key);
    return name;
}

static int read_sample(const struct wanted *wanted, struct buffer *memory) {
    const struct object_place *place = wanted->places.place;
    const char *url = object_of(wanted, place)->url;
    struct finding finding = {.name = name_of(wanted, url)};
    struct buffer bytes = {0};
    int status = read_place(wanted, place, &bytes);
    if (!status)
        status =
            import_stretch(&wanted->placed->list.keys, url, (struct span){bytes.bytes, bytes.size}, find, &finding);
    if (!status && !finding.is_found)
        status = error(EXIT_DATA,
                       "%s: the %lld bytes from %lld are not the sample that its index names (record %lld of %s); make "
                       "the index file anew, or index the shards with --scan",
                       url, (long long)place->length, (long long)place->offset, (long long)wanted->index,
                       wanted->placed->directory);
    if (!status) status = merge(wanted, &finding, memory);
    free(finding.name);
    buffer_release(&finding.encoded);
    buffer_release(&bytes);
    return status;
}

int placed_get(const struct placed *placed, int64_t index, struct span stored, struct buffer *memory,
               struct span *value) {
    struct wanted wanted;
    int status = want(&wanted, placed, index, stored);
    if (status) return status;
    *value = stored;
    if (wanted.places.count) {
        buffer_clear(memory);
        status = is_unread(&wanted) ? read_sample(&wanted, memory) : make_record(&wanted, stored, memory);
        *value = (struct span){memory->bytes, memory->size};
    }
    release(&wanted);
    return status;
}

int placed_packed(const struct placed *placed, int64_t index, struct span stored, struct buffer *memory,
                  struct span *value) {
    struct wanted wanted;
    int status = want(&wanted, placed, index, stored);
    if (status) return status;
    const bool unread = is_unread(&wanted);
    release(&wanted);
    *value = stored;
    return unread ? 0 : placed_get(placed, index, stored, memory, value);
}

static int decode_sample(const struct wanted *wanted, struct record *record, char reason[RECORD_REASON]) {
    struct buffer memory = {0};
    int status = read_sample(wanted, &memory);
    if (!status && record_decode(record, memory.bytes, memory.size, reason)) *record = RECORD_EMPTY;
    if (status)
        buffer_release(&memory);
    else
        record->memory = memory;
    return status;
}

int placed_record(const struct placed *placed, int64_t index, struct span stored, bool texts, struct record *record,
                  char reason[RECORD_REASON]) {
    struct wanted wanted;
    int status = want(&wanted, placed, index, stored);
    if (status) return status;
    wanted.texts_only = texts;
    if (is_unread(&wanted)) {
        status = decode_sample(&wanted, record, reason);
        release(&wanted);
        return status;
    }
    if (!texts) status = read_files(&wanted, &wanted.record.memory);
    *record = wanted.record;
    if (status) record_release(record);
    place_release(&wanted.places);
    return status;
}

int64_t placed_remote_bytes(const struct placed *placed, int part) {
    const struct object *object = &placed->list.object[part];
    return object_kind_of(object->url) == OBJECT_FILE || object->bytes < 0 ? 0 : object->bytes;
}

int placed_parts(const struct placed *placed, const int64_t **first) {
    *first = placed->list.first;
    return placed->list.count;
}

// Parts and objects have the same numbers.
void placed_ahead(const struct placed *placed, const int *part, int count) {
    objects_ahead(placed->objects, part, count);
}
