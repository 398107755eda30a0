// VQA v2: a document of questions, and, unless it is a test set, one of annotations, each question's ten answers among
// them. A picture has several questions, and each is a record with the picture in it: what is trained on is questions,
// in any order.
#include "dataset/import/vqa.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/index.h"
#include "dataset/import/pair.h"
#include "dataset/import/rows.h"

#define DOCUMENT_BYTES_LIMIT ((size_t)2 << 30)

struct vqa {
    struct importer *importer;
    const char *path, *subset; // "train2014", as pictures and their folder are called
    json_t *annotations;       // NULL: a test set
    struct index index;        // of them
    size_t answered;
    struct draft draft;
};

void vqa_answers(struct draft *draft, const json_t *answers) {
    if (json_is_string(answers)) draft_answer(draft, json_string_value(answers), json_string_length(answers));
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *item = json_array_get(answers, i);
        const json_t *text = json_is_object(item) ? json_object_get(item, "answer") : item;
        if (json_is_string(text))
            draft_answer(draft, json_string_value(text), json_string_length(text));
        else
            draft_defect(draft, "its answer %zu is not text", i);
    }
}

static void set_text(struct buffer *to, const json_t *object, const char *key) {
    const json_t *text = json_object_get(object, key);
    if (json_is_string(text)) buffer_append(to, json_string_value(text), json_string_length(text));
}

void vqa_kinds(struct draft *draft, const json_t *object) {
    set_text(&draft->question_type, object, "question_type");
    set_text(&draft->answer_type, object, "answer_type");
}

// Where a pattern's %d or %012d stands: the bytes it takes, 0 when it has none or another; `*width` is of its zeros.
static size_t placeholder(const char *pattern, int *width) {
    const char *begin = strchr(pattern, '%');
    char *end = NULL;
    if (!begin) return 0;
    *width = begin[1] == '0' ? (int)strtol(begin + 1, &end, 10) : 0;
    if (!end) end = (char *)begin + 1;
    return *end == 'd' && *width >= 0 && *width < 64 && !strchr(end, '%') ? (size_t)(end + 1 - begin) : 0;
}

static char *fill_pattern(const char *pattern, const char *id) {
    int width;
    const size_t size = placeholder(pattern, &width), before = strcspn(pattern, "%");
    const int zeros = width - (int)strlen(id);
    return xformat("%.*s%.*s%s%s", (int)before, pattern, zeros > 0 ? zeros : 0,
                   "0000000000000000000000000000000000000000000000000000000000000000", id, pattern + before + size);
}

// COCO's pictures lie in one folder, or in those of the sets; those of test-dev2015 are test2015's.
static void name_picture(const struct vqa *vqa, struct strings *names, const char *id) {
    const char *pattern = vqa->importer->options->image_pattern;
    char *own = pattern ? xstrdup(pattern) : xformat("COCO_%s_%%012d.jpg", vqa->subset);
    char *name = fill_pattern(own, id), *in_folder = xformat("%s/%s", vqa->subset, name);
    strings_add_text(names, name);
    if (!pattern) strings_add_text(names, in_folder);
    free(own);
    free(name);
    free(in_folder);
}

static void find_picture(struct vqa *vqa, const json_t *question) {
    char *id = fields_id(fields_first(question, &vqa->importer->image_keys));
    struct strings names = {0};
    if (id) name_picture(vqa, &names, id);
    if (id)
        found_path(&vqa->draft, NULL, vqa->importer, vqa->path, &names);
    else
        draft_defect(&vqa->draft, "has no image_id");
    strings_release(&names);
    free(id);
}

static void add_annotation(struct vqa *vqa) {
    struct draft *draft = &vqa->draft;
    size_t first;
    if (!vqa->annotations) return;
    if (!index_find(&vqa->index, draft->id.bytes, &first)) return draft_defect(draft, "has no annotation");
    const json_t *annotation = vqa->index.entry[first].object;
    vqa->answered++;
    vqa_kinds(draft, annotation);
    set_text(&draft->answer, annotation, "multiple_choice_answer");
    vqa_answers(draft, json_object_get(annotation, "answers"));
}

static int give_question(struct vqa *vqa, const json_t *question, size_t place) {
    struct draft *draft = &vqa->draft;
    draft_clear(draft);
    buffer_format(&draft->name, "%s: question %zu", vqa->path, place);
    pair_id(draft, json_object_get(question, "question_id"));
    pair_question(draft, json_object_get(question, "question"), "question");
    add_annotation(vqa);
    find_picture(vqa, question);
    return rows_give_now(draft, vqa->importer);
}

static int give_all(struct vqa *vqa, const json_t *document) {
    const json_t *questions = json_object_get(document, "questions");
    const char *key, *subset = json_string_value(json_object_get(document, "data_subtype"));
    json_t *value;
    int status = 0;
    json_object_foreach((json_t *)document, key, value) importer_saw(vqa->importer, key, strlen(key));
    vqa->subset = !subset ? "train2014" : text_begins(subset, "test-dev") ? "test2015" : subset;
    for (size_t i = 0; i < json_array_size(questions) && !status; i++)
        status = give_question(vqa, json_array_get(questions, i), i);
    if (!status && vqa->annotations && vqa->answered < vqa->index.count)
        warn("%s: %zu annotations are left out: their question_id is of no question that the document lists", vqa->path,
             vqa->index.count - vqa->answered);
    return status;
}

// The file of annotations that stands where the path stands among the paths; one file is for all.
static int read_annotations(struct vqa *vqa) {
    struct strings files = {0};
    text_split(&files, vqa->importer->options->annotations, "::");
    const size_t turn = files.count == 1 ? 0 : vqa->importer->turn;
    int status = 0;
    if (files.count && turn >= files.count)
        status = error(EXIT_USAGE, "--annotations names %zu files, and %s is file %zu: give one for each, joined by ::",
                       files.count, vqa->path, turn + 1);
    else if (files.count && !(vqa->annotations = json_read(files.item[turn], DOCUMENT_BYTES_LIMIT)))
        status = -EXIT_DATA;
    index_make(&vqa->index, json_object_get(vqa->annotations, "annotations"), "question_id");
    strings_release(&files);
    return status;
}

static int run(struct importer *importer, const char *path) {
    struct vqa vqa = {.importer = importer, .path = path};
    const char *pattern = importer->options->image_pattern;
    int width;
    if (pattern && !placeholder(pattern, &width))
        return error(EXIT_USAGE, "--image-pattern %s: has not one %%d or %%012d, for the picture's number", pattern);
    json_t *document = json_read(path, DOCUMENT_BYTES_LIMIT);
    int status = document ? read_annotations(&vqa) : -EXIT_DATA;
    if (!status) status = give_all(&vqa, document);
    json_decref(document);
    index_release(&vqa.index);
    json_decref(vqa.annotations);
    draft_release(&vqa.draft);
    return status;
}

const struct import_format import_vqa = {
    .name = "vqa",
    .summary = "VQA v2: a document of questions; --annotations has their answers",
    .keys = "fields",
    .image_key = "image_id",
    .run = run,
};
