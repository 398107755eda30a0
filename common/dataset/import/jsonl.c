// JSON lines: an object per picture with its path and its captions, texts or arrays of texts.
#include <string.h>

#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/json_lines.h"
#include "dataset/import/rows.h"

// The picture's path is its id, as it tells the record best.
static void read_object(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    const json_t *picture = fields_first(object, &importer->image_keys);
    const char *path = json_is_string(picture) ? json_string_value(picture) : "";
    draft_listed_picture(draft, importer, list, path, strlen(path));
    fields_texts(object, &importer->caption_keys, draft, draft_caption);
    fields_texts(object, &importer->label_keys, draft, draft_label);
    fields_class(object, &importer->class_keys, draft);
}

static int run(struct importer *importer, const char *path) {
    static const struct json_lines lines = {read_object, rows_take};
    return json_lines_run(&lines, importer, path);
}

const struct import_format import_jsonl = {
    .name = "jsonl",
    .summary = "JSON lines, an object with a picture's path and its captions in each",
    .keys = "fields",
    .image_key = "filepath",
    .caption_key = "title",
    .run = run,
};
