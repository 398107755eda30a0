// LAVIS's and ALBEF's lists: a JSON array of objects, whose keys tell the task: `question` is VQA, `images` and
// `sentence` NLVR2, `image` and `sentence` SNLI-VE, `caption` a caption of a picture or video, whose others stand
// elsewhere in the list.
#include <string.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/json.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/json_lines.h"
#include "dataset/import/pair.h"
#include "dataset/import/rows.h"
#include "dataset/import/vqa.h"

#define DOCUMENT_BYTES_LIMIT ((size_t)2 << 30)

static void list_file(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    const json_t *file = fields_first(object, &importer->image_keys);
    if (!json_is_string(file)) return draft_defect(draft, "names no picture or video");
    draft_listed_picture(draft, importer, list, json_string_value(file), json_string_length(file));
}

static void read_caption(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    list_file(importer, draft, list, object);
    fields_texts(object, &importer->caption_keys, draft, draft_caption);
}

static void read_question(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    list_file(importer, draft, list, object);
    pair_id(draft, json_object_get(object, "question_id"));
    pair_question(draft, json_object_get(object, "question"), "question");
    vqa_kinds(draft, object);
    vqa_answers(draft, json_object_get(object, "answer"));
}

static void read_hypothesis(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    list_file(importer, draft, list, object);
    if (json_object_get(object, "pairID")) pair_id(draft, json_object_get(object, "pairID"));
    pair_question(draft, json_object_get(object, "sentence"), "sentence");
    pair_label(&pair_snli_ve, draft, json_object_get(object, "label"));
}

// These lists have no identifier, by which consistency is counted: "dev/dev-850-0-img0.png" and the sentence give one
// that tells the same examples apart and has the same sentences alike.
static void name_statement(struct draft *draft, const json_t *object, const char *picture) {
    if (json_object_get(object, "identifier")) return pair_id(draft, json_object_get(object, "identifier"));
    char sentence[HASH_TEXT_SIZE];
    const char *base = strrchr(picture, '/');
    base = base ? base + 1 : picture;
    const char *end = strstr(base, "-img");
    hash_format(sentence, hash_bytes(draft->question.bytes, draft->question.size, 0));
    buffer_clear(&draft->id);
    buffer_format(&draft->id, "%.*s-%s", end ? (int)(end - base) : (int)strlen(base), base, sentence);
}

static void add_picture(struct importer *importer, struct draft *draft, const char *list, const json_t *name) {
    const char *text = json_is_string(name) ? json_string_value(name) : "";
    buffer_clear(&draft->path);
    draft_listed_picture(draft, importer, list, text, strlen(text));
    if (!draft->defect) draft_pictures_file(draft, importer, draft->path.bytes);
    buffer_clear(&draft->path);
}

static void read_statement(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    const json_t *pictures = json_object_get(object, "images"), *first = json_array_get(pictures, 0);
    pair_question(draft, json_object_get(object, "sentence"), "sentence");
    pair_label(&pair_nlvr2, draft, json_object_get(object, "label"));
    if (json_array_size(pictures) != 2) draft_defect(draft, "has not two images");
    for (size_t i = 0; i < 2 && !draft->defect; i++) add_picture(importer, draft, list, json_array_get(pictures, i));
    name_statement(draft, object, json_is_string(first) ? json_string_value(first) : "");
}

static const struct json_lines captions = {read_caption, rows_take}, questions = {read_question, rows_give_now},
                               hypotheses = {read_hypothesis, rows_give_now},
                               statements = {read_statement, rows_give_now};

static const struct json_lines *kind_of(const json_t *object) {
    if (json_object_get(object, "question")) return &questions;
    if (json_object_get(object, "images")) return &statements;
    return json_object_get(object, "sentence") ? &hypotheses : &captions;
}

static int give_all(struct importer *importer, const char *path, const json_t *list) {
    const struct json_lines *kind = kind_of(json_array_get(list, 0));
    struct draft draft = {0};
    int status = kind == &hypotheses   ? pair_begin(&pair_snli_ve, importer)
                 : kind == &statements ? pair_begin(&pair_nlvr2, importer)
                                       : 0;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        draft_clear(&draft);
        buffer_format(&draft.name, "%s: item %zu", path, i);
        status = json_lines_give(kind, importer, &draft, path, json_array_get(list, i));
    }
    draft_release(&draft);
    return status;
}

static int run(struct importer *importer, const char *path) {
    json_t *list = json_read(path, DOCUMENT_BYTES_LIMIT);
    if (!list) return -EXIT_DATA;
    int status = json_is_array(list) ? give_all(importer, path, list)
                                     : error(EXIT_DATA, "%s: is no JSON array, as LAVIS's lists are", path);
    json_decref(list);
    return status;
}

const struct import_format import_lavis = {
    .name = "lavis",
    .summary = "LAVIS's JSON lists of VQA, SNLI-VE, NLVR2 and captions of pictures or videos, told by their keys",
    .keys = "fields",
    .image_key = "image;video",
    .caption_key = "caption",
    .run = run,
};
