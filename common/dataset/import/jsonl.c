// JSON lines: an object per picture with its path and its captions, texts or arrays of texts. A line that is no object
// is a defect of that line. Read line by line, as such lists are long.
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "dataset/import/draft.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/rows.h"
#include "dataset/import/stream.h"

#define LINE_BYTES_LIMIT (16u << 20)

// The picture's path is its id, as it tells the record best.
static void read_object(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) importer_saw(importer, key, strlen(key));
    const json_t *picture = fields_first(object, &importer->image_keys);
    const char *path = json_is_string(picture) ? json_string_value(picture) : "";
    draft_listed_picture(draft, importer, list, path, strlen(path));
    fields_texts(object, &importer->caption_keys, draft, draft_caption);
    fields_texts(object, &importer->label_keys, draft, draft_label);
    fields_class(object, &importer->class_keys, draft);
}

static int give_line(struct importer *importer, struct draft *draft, const char *list, int64_t number,
                     const struct buffer *line) {
    json_error_t place;
    json_t *object = json_parse(line->bytes, line->size, &place);
    draft_clear(draft);
    buffer_format(&draft->name, "%s: line %lld", list, (long long)number);
    if (!object)
        draft_defect(draft, "is not JSON: column %d: %s", place.column, place.text);
    else if (!json_is_object(object))
        draft_defect(draft, "is not a JSON object");
    else
        read_object(importer, draft, list, object);
    json_decref(object);
    return rows_take(draft, importer);
}

static int run(struct importer *importer, const char *path) {
    struct stream *stream;
    int status = stream_open(&stream, path);
    if (status) return status;
    struct draft draft = {0};
    struct buffer line = {0};
    stream_skip_mark(stream);
    for (int64_t number = 1; !status && stream_line(stream, &line, LINE_BYTES_LIMIT); number++)
        if (line.size > strspn(line.bytes, " \t")) status = give_line(importer, &draft, path, number, &line);
    if (!status) status = stream_status(stream);
    stream_close(&stream);
    draft_release(&draft);
    buffer_release(&line);
    return status;
}

const struct import_format import_jsonl = {
    .name = "jsonl",
    .summary = "JSON lines, an object with a picture's path and its captions in each",
    .keys = "fields",
    .image_key = "filepath",
    .caption_key = "title",
    .run = run,
};
