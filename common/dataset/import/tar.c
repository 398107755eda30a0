// Tar shards as webdataset and img2dataset write them: adjacent members with the same name up to the first dot are one
// sample, and a sample never goes on in the next shard. A tar has no index, so members are read once, in order, and
// what nobody asks for is skipped. benchmark.c uses it too.
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/draft.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/tar_input.h"
#include "dataset/import/tar_record.h"

#define TEXT_BYTES_LIMIT (16u << 20)
#define BLOCK_BYTES (256 << 10) // of a member at a time

struct shard {
    struct importer *importer;
    const char *path;
    struct tar_input input;
    int64_t at;                // of the member's bytes in the tar
    struct buffer key, suffix; // of the member: up to and behind the first dot of its name, the latter in lower case
    struct buffer bytes;       // of a text member
    struct strings suffixes;   // of the sample's members so far
    struct draft draft;        // of the same; its id is their key
    struct tar_record own;     // of the same
    bool is_open;              // the draft has a member
    struct buffer whole;       // key of the sample that was given last
};

// A reader of places says how far the shard is whole, as the rest may be had from where it was copied.
static int failed(const struct shard *shard) {
    struct buffer more = {0};
    if (shard->importer->object)
        buffer_format(&more,
                      "; the last whole sample is %s; copy the shard again, or leave it out by --skip-bad-shards",
                      shard->whole.size ? shard->whole.bytes : "none");
    int status = tar_input_failed(&shard->input, shard->path, more.size ? more.bytes : "");
    buffer_release(&more);
    return status;
}

// webdataset's own members ("__len__", or in a folder "__index__/") and hidden files ("._0001.jpg") belong to no
// sample.
bool tar_is_sample(const char *name, const char *base) {
    const size_t first = strcspn(name, "/");
    const bool is_own = first >= 4 && !memcmp(name, "__", 2) && !memcmp(name + first - 2, "__", 2);
    return *base && *base != '.' && !is_own;
}

// "a/0001.jpg" is key a/0001 and suffix jpg, "a/0001.seg.png" the same key and suffix seg.png: folders belong to the
// key, and their dots do not count.
void tar_split(struct buffer *key, struct buffer *suffix, const char *name, const char *base) {
    const size_t stem = (size_t)(base - name) + strcspn(base, ".");
    buffer_clear(key);
    buffer_clear(suffix);
    const char *rest = name + stem + (name[stem] == '.');
    buffer_append(key, name, stem);
    text_lower(suffix, rest, strlen(rest));
}

// Replaces `bytes` by the member's content, whose claimed size is not believed; of a member over the limit by nothing.
static int read_member(struct shard *shard, struct buffer *bytes, size_t limit, bool *is_large) {
    la_ssize_t count;
    buffer_clear(bytes);
    do {
        buffer_reserve(bytes, BLOCK_BYTES);
        count = archive_read_data(shard->input.archive, bytes->bytes + bytes->size, BLOCK_BYTES);
        if (count < 0) return failed(shard);
        bytes->size += (size_t)count;
    } while (count && bytes->size <= limit);
    bytes->bytes[bytes->size] = 0;
    *is_large = bytes->size > limit;
    if (*is_large) buffer_clear(bytes);
    return 0;
}

// `option` says in brackets what sets the limit, or nothing.
static void defect_large(struct shard *shard, size_t limit, const char *option) {
    draft_defect(&shard->draft, "its %s has more than %zu bytes%s", shard->suffix.bytes, limit, option);
}

// A sample may have several pictures under different suffixes: the one that the key list names first is taken,
// whichever comes first in the tar.
static int take_picture(struct shard *shard, int place) {
    struct draft *draft = &shard->draft;
    if (draft->picture_key >= 0 && draft->picture_key <= place) return 0;
    draft->picture_key = place;
    draft->at.image = shard->at;
    const size_t limit = importer_picture_limit(shard->importer);
    bool is_large = false;
    int status = read_member(shard, &draft->picture, limit, &is_large);
    if (is_large) defect_large(shard, limit, " (--max-picture-bytes)");
    return status;
}

// The same of videos, apart from pictures: a record may have both.
static int take_video(struct shard *shard, int place) {
    struct tar_record *own = &shard->own;
    if (own->video_key >= 0 && own->video_key <= place) return 0;
    own->video_key = place;
    shard->draft.at.video = shard->at;
    return read_member(shard, &own->video, importer_picture_limit(shard->importer), &own->is_large);
}

static int take_numbered(struct shard *shard, int number) {
    struct texts *pictures = &shard->draft.pictures;
    bool is_large;
    int status = read_member(shard, &shard->bytes, importer_picture_limit(shard->importer), &is_large);
    shard->own.is_twice |= number < pictures->count && pictures->item[number].bytes;
    shard->draft.pictures_at[number] = shard->at;
    if (!status && !is_large) texts_put(pictures, number, shard->bytes.bytes, shard->bytes.size);
    return status;
}

static void take_json(struct shard *shard) {
    const char *key = shard->importer->options->json_text_key;
    json_error_t place;
    json_t *object = json_parse(shard->bytes.bytes, shard->bytes.size, &place);
    if (!object) draft_defect(&shard->draft, "its json: line %d: %s", place.line, place.text);
    const json_t *value = json_object_get(object, key);
    if (value) fields_add(value, key, &shard->draft, draft_caption);
    json_decref(object);
}

static bool is_wanted(const struct shard *shard, const struct strings *keys) {
    return importer_key(keys, shard->suffix.bytes, shard->suffix.size) >= 0;
}

// What a text member is for; it may serve several lists, as captions and as labels.
struct uses {
    bool json, json_captions, caption, label, class;
};

static struct uses uses_of(const struct shard *shard) {
    const struct importer *importer = shard->importer;
    const bool has_json_captions = importer->options->json_text_key, is_json = !strcmp(shard->suffix.bytes, "json");
    return (struct uses){.json = is_json,
                         .json_captions = is_json && has_json_captions,
                         .caption = !has_json_captions && is_wanted(shard, &importer->caption_keys),
                         .label = is_wanted(shard, &importer->label_keys),
                         .class = is_wanted(shard, &importer->class_keys)};
}

// Of several class members the first counts. A json is kept, as the sample may be a record.
static void use_text(struct shard *shard, const struct uses *is) {
    struct draft *draft = &shard->draft;
    const char *text = shard->bytes.bytes;
    const size_t size = shard->bytes.size;
    const bool first_line = shard->importer->options->first_line;
    if (is->json) buffer_append(&shard->own.json, text, size);
    if (is->json_captions) take_json(shard);
    if (is->caption) draft_lines(&draft->captions, text, size, first_line);
    if (is->label) draft_lines(&draft->labels, text, size, first_line);
    if (is->class && draft->class < 0) draft_class(draft, text, size);
}

// A json that nobody asked for may be of any size.
static int take_text(struct shard *shard) {
    const struct uses is = uses_of(shard);
    const bool is_needed = is.json_captions || is.caption || is.label || is.class;
    bool is_large = false;
    if (!is_needed && !is.json) return 0;
    int status = read_member(shard, &shard->bytes, TEXT_BYTES_LIMIT, &is_large);
    if (status) return status;
    if (is_large && is_needed) defect_large(shard, TEXT_BYTES_LIMIT, "");
    use_text(shard, &is);
    return 0;
}

static int close_sample(struct shard *shard) {
    if (!shard->is_open) return 0;
    shard->is_open = false;
    buffer_clear(&shard->whole);
    text_escape(&shard->whole, shard->draft.id.bytes, shard->draft.id.size);
    tar_record_settle(&shard->own, &shard->draft, shard->importer);
    return draft_give(&shard->draft, shard->importer);
}

// Begins a sample with the member's key, unless it belongs to the one that is open.
// A draft is given when a member with another key comes, or the end: nothing else tells that a sample is whole.
static int open_sample(struct shard *shard) {
    struct draft *draft = &shard->draft;
    if (shard->is_open && draft->id.size == shard->key.size && !strcmp(draft->id.bytes, shard->key.bytes)) return 0;
    int status = close_sample(shard);
    draft_clear(draft);
    tar_record_clear(&shard->own);
    strings_clear(&shard->suffixes);
    buffer_append(&draft->id, shard->key.bytes, shard->key.size);
    buffer_format(&draft->name, "%s: %s", path_base(shard->path), shard->key.bytes);
    shard->is_open = true;
    return status;
}

// Two members of one name are two samples that cannot be told apart, or one that was written again: whose text belongs
// to which picture is not known, and webdataset refuses them.
static bool is_first(struct shard *shard) {
    const struct buffer *suffix = &shard->suffix;
    const bool is_first = importer_key(&shard->suffixes, suffix->bytes, suffix->size) < 0;
    if (is_first)
        strings_add(&shard->suffixes, suffix->bytes, suffix->size);
    else
        draft_defect(&shard->draft, "it has two members \"%s\"; samples need names of their own", suffix->bytes);
    return is_first;
}

// A suffix that no key names may still be a record's (tar_record.h).
static int take_part(struct shard *shard) {
    const struct strings *keys = &shard->importer->image_keys;
    const int picture = importer_key(keys, shard->suffix.bytes, shard->suffix.size);
    const int number = tar_record_number(shard->importer, &shard->suffix),
              place = picture < 0 ? (int)keys->count : picture;
    if (tar_record_is_video(&shard->suffix)) return take_video(shard, place);
    if (picture >= 0 || tar_record_is_unknown(&shard->suffix)) return take_picture(shard, place);
    return number >= 0 ? take_numbered(shard, number) : take_text(shard);
}

// Names that libarchive cannot bring into the locale's characters it still has as UTF-8.
// Right behind a header the reader stands where the member's bytes begin; what is sparse is not there in one piece.
static int take_member(struct shard *shard, struct archive_entry *entry) {
    const char *name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);
    if (!name) return error(EXIT_DATA, "%s: a member has a name that is not text", shard->path);
    if (archive_entry_filetype(entry) != AE_IFREG || !tar_is_sample(name, path_base(name))) return 0;
    tar_split(&shard->key, &shard->suffix, name, path_base(name));
    importer_saw(shard->importer, shard->suffix.bytes, shard->suffix.size);
    int status = open_sample(shard);
    if (status || !is_first(shard)) return status;
    shard->at = archive_filter_bytes(shard->input.archive, 0);
    if (shard->importer->object && archive_entry_sparse_count(entry))
        draft_defect(&shard->draft, "its %s is a sparse member, which has no place", shard->suffix.bytes);
    return take_part(shard);
}

static int check_places(const struct shard *shard) {
    return shard->importer->object ? tar_input_check_places(&shard->input, shard->path) : 0;
}

static int read_members(struct shard *shard) {
    struct archive_entry *entry;
    int code, status = 0;
    while (!status && (code = archive_read_next_header(shard->input.archive, &entry)) != ARCHIVE_EOF) {
        status = code < ARCHIVE_WARN ? failed(shard) : check_places(shard);
        if (!status) status = take_member(shard, entry);
    }
    if (!status) status = close_sample(shard);
    return status ? status : tar_input_end(&shard->input);
}

static void release(struct shard *shard) {
    tar_input_close(&shard->input);
    strings_release(&shard->suffixes);
    buffer_release(&shard->key);
    buffer_release(&shard->suffix);
    buffer_release(&shard->bytes);
    buffer_release(&shard->whole);
    tar_record_release(&shard->own);
    draft_release(&shard->draft);
}

static int run(struct importer *importer, const char *path) {
    const bool is_stdin = !strcmp(path, "-");
    struct shard shard = {.importer = importer, .path = is_stdin ? "stdin" : path};
    int status = tar_input_open(&shard.input, is_stdin ? NULL : path, importer->object);
    if (!status) status = read_members(&shard);
    release(&shard);
    return status;
}

int tar_run_bytes(struct importer *importer, const char *path, struct span bytes) {
    struct shard shard = {.importer = importer, .path = path};
    int status = tar_input_open_bytes(&shard.input, path, bytes);
    if (!status) status = read_members(&shard);
    release(&shard);
    return status;
}

const struct import_format import_tar = {
    .name = "tar",
    .summary = "webdataset or img2dataset shards, and what export writes, plain or compressed",
    .keys = "suffixes",
    .has_suffixes = true,
    .image_key = PICTURE_SUFFIXES,
    .caption_key = "txt",
    .class_key = "cls",
    .run = run,
};
