// Others' tars have one picture for a sample, and a json of anything. Ours say in the json that they are a record's
// members: only then are several pictures, or a video beside one, taken together, and the json's texts are the
// record's. So nothing changes for tars of others. An option that names members is for those: it counts more.
#include "dataset/import/tar_record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/vqa.h"

void tar_record_clear(struct tar_record *own) {
    buffer_clear(&own->json);
    buffer_clear(&own->video);
    own->video_key = -1;
    own->is_large = own->is_twice = false;
}

void tar_record_release(struct tar_record *own) {
    buffer_release(&own->json);
    buffer_release(&own->video);
}

// What export calls a picture and a video that it does not know, of sets that were packed with --no-verify.
static const char unknown_picture[] = "image", unknown_video[] = "none";

int tar_record_number(const struct importer *importer, const struct buffer *suffix) {
    char *end;
    if (!suffix->size || !isdigit((unsigned char)*suffix->bytes)) return -1;
    const long number = strtol(suffix->bytes, &end, 10);
    if (*end != '.' || number >= RECORD_IMAGES_LIMIT) return -1;
    const bool is_picture = importer_key(&importer->image_keys, end + 1, strlen(end + 1)) >= 0;
    return is_picture || !strcmp(end + 1, unknown_picture) ? (int)number : -1;
}

bool tar_record_is_unknown(const struct buffer *suffix) {
    return !strcmp(suffix->bytes, unknown_picture);
}

bool tar_record_is_video(const struct buffer *suffix) {
    static const char *const suffixes[] = {VIDEO_SUFFIXES};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (!strcmp(suffix->bytes, suffixes[i] + 1)) return true;
    return !strcmp(suffix->bytes, unknown_video);
}

static void swap(struct buffer *a, struct buffer *b) {
    const struct buffer old = *a;
    *a = *b;
    *b = old;
}

// A new reference; NULL: the sample is no record of ours. The mark is looked for first, as most jsons are of others.
static json_t *read_mark(const struct tar_record *own, struct draft *draft) {
    json_error_t place;
    if (!own->json.size || !strstr(own->json.bytes, RECORD_JSON_FORMAT)) return NULL;
    json_t *json = json_parse(own->json.bytes, own->json.size, &place);
    if (!json) draft_defect(draft, "its json: line %d: %s", place.line, place.text);
    const char *format = json_string_value(json_object_get(json, "format"));
    if (format && !strcmp(format, RECORD_JSON_FORMAT)) return json;
    json_decref(json);
    return NULL;
}

static void defect_large(const struct tar_record *own, struct draft *draft, const struct importer *importer) {
    if (own->is_large)
        draft_defect(draft, "its video has more than %zu bytes (--max-picture-bytes)",
                     importer_picture_limit(importer));
}

static void choose_one(struct tar_record *own, struct draft *draft, const struct importer *importer) {
    texts_clear(&draft->pictures);
    if (draft->picture_key >= (int)importer->image_keys.count) draft->picture_key = -1;
    const int key = own->video_key, keys = (int)importer->image_keys.count;
    if (key < 0 || key >= keys || (draft->picture_key >= 0 && draft->picture_key < key)) return;
    defect_large(own, draft, importer);
    swap(importer->by_names ? &draft->video : &draft->picture, &own->video);
    draft->at.image = draft->at.video;
    draft->picture_key = importer->by_names ? -1 : key;
}

static void take_all(struct tar_record *own, struct draft *draft, const struct importer *importer) {
    for (int i = 0; i < draft->pictures.count; i++)
        if (!draft->pictures.item[i].bytes)
            draft_defect(draft, "it has %d pictures, of which picture %d is missing or too large",
                         draft->pictures.count, i);
    if (own->is_twice) draft_defect(draft, "two of its pictures have one number");
    if (own->video_key < 0) return;
    defect_large(own, draft, importer);
    swap(&draft->video, &own->video);
}

static void take_text(struct buffer *text, const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    if (json_is_string(value)) buffer_append(text, json_string_value(value), json_string_length(value));
}

// Ids of records are escaped; the draft has the name itself, which is escaped when the sample is given.
static void take_id(struct draft *draft, const json_t *json) {
    struct buffer escaped = {0};
    take_text(&escaped, json, "id");
    buffer_clear(&draft->id);
    if (escaped.size) text_unescape(&draft->id, escaped.bytes, escaped.size);
    buffer_release(&escaped);
}

static void take_texts(struct draft *draft, const json_t *json, const struct import_options *options) {
    take_id(draft, json);
    if (!options->caption_key && !options->json_text_key && !options->first_line) {
        texts_clear(&draft->captions);
        fields_add(json_object_get(json, "captions"), "captions", draft, draft_caption);
    }
    if (!options->label_key) fields_add(json_object_get(json, "labels"), "labels", draft, draft_label);
    take_text(&draft->question, json, "question");
    take_text(&draft->answer, json, "answer");
    vqa_answers(draft, json_object_get(json, "answers"));
    vqa_kinds(draft, json);
}

void tar_record_settle(struct tar_record *own, struct draft *draft, const struct importer *importer) {
    json_t *json = read_mark(own, draft);
    (json && !importer->options->image_key ? take_all : choose_one)(own, draft, importer);
    if (json) take_texts(draft, json, importer->options);
    json_decref(json);
}
