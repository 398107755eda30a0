// Read line by line, as such lists are long: jsonl.c, snli_ve.c and nlvr2.c say what an object means.
#include "dataset/import/json_lines.h"

#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "dataset/import/stream.h"

#define LINE_BYTES_LIMIT (16u << 20)

int json_lines_give(const struct json_lines *lines, struct importer *importer, struct draft *draft, const char *list,
                    const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) importer_saw(importer, key, strlen(key));
    if (json_is_object(object))
        lines->read(importer, draft, list, object);
    else
        draft_defect(draft, "is not a JSON object");
    return lines->give(draft, importer);
}

static int give_line(const struct json_lines *lines, struct importer *importer, struct draft *draft, const char *list,
                     int64_t number, const struct buffer *line) {
    json_error_t place;
    json_t *object = json_parse(line->bytes, line->size, &place);
    draft_clear(draft);
    buffer_format(&draft->name, "%s: line %lld", list, (long long)number);
    if (!object) draft_defect(draft, "is not JSON: column %d: %s", place.column, place.text);
    int status = json_lines_give(lines, importer, draft, list, object);
    json_decref(object);
    return status;
}

int json_lines_run(const struct json_lines *lines, struct importer *importer, const char *path) {
    struct stream *stream;
    int status = stream_open(&stream, path);
    if (status) return status;
    struct draft draft = {0};
    struct buffer line = {0};
    stream_skip_mark(stream);
    for (int64_t number = 1; !status && stream_line(stream, &line, LINE_BYTES_LIMIT); number++)
        if (line.size > strspn(line.bytes, " \t")) status = give_line(lines, importer, &draft, path, number, &line);
    if (!status) status = stream_status(stream);
    stream_close(&stream);
    draft_release(&draft);
    buffer_release(&line);
    return status;
}
