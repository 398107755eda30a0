// Samples of JSON lines. A picture is the first field of SOURCE_PICTURE_FIELDS that is there: a path, under the list's
// folder, or base64, perhaps behind "data:image/jpeg;base64,". A "." tells a path, since base64 has none. What stands
// in JSON is decoded into a file once, when pictures are listed.
#include "source_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/text.h"
#include "base64.h"
#include "dataset/import/fields.h"
#include "dataset/import/stream.h"

struct lines_source {
    struct stream *stream;
    struct strings picture_fields, key_fields;
    struct buffer decoded;
    FILE *pictures;
    int64_t written; // bytes in it
    int64_t number;  // of the line, from 1
};

static int open_lines(struct source *source) {
    struct lines_source *own = source->own = xcalloc(1, sizeof *own);
    text_split(&own->picture_fields, SOURCE_PICTURE_FIELDS, ";");
    text_split(&own->key_fields, SOURCE_KEY_FIELDS, ";");
    return stream_open(&own->stream, source->plain->path);
}

static void close_lines(struct source *source) {
    struct lines_source *own = source->own;
    if (own->stream) stream_close(&own->stream);
    if (own->pictures) fclose(own->pictures);
    strings_release(&own->picture_fields);
    strings_release(&own->key_fields);
    buffer_release(&own->decoded);
    free(own);
}

// The next line with its end, as it came. 1, 0 or -EXIT_DATA.
static int read_line(struct source *source, struct buffer *line) {
    struct lines_source *own = source->own;
    const char *bytes, *end = NULL;
    size_t size;
    buffer_clear(line);
    while (!end && (size = stream_look(own->stream, &bytes))) {
        end = memchr(bytes, '\n', size);
        const size_t part = end ? (size_t)(end - bytes) + 1 : size;
        if (line->size + part > SOURCE_LINE_LIMIT)
            return error(EXIT_DATA, "%s: line %lld has more than %d bytes", source->shard->from,
                         (long long)own->number + 1, SOURCE_LINE_LIMIT);
        buffer_reserve(line, part);
        line->size += stream_read(own->stream, line->bytes + line->size, part);
        line->bytes[line->size] = 0;
    }
    own->number += line->size > 0;
    return stream_status(own->stream) ? stream_status(own->stream) : line->size > 0;
}

// ---- pictures

static void take_file(struct source *source, struct sample *sample, const char *path) {
    struct stat info;
    char *whole = source->shard->is_remote ? xstrdup(path) : path_beside(source->shard->from, path);
    char *absolute = realpath(whole, NULL);
    buffer_text(&sample->path, absolute ? absolute : whole);
    if (stat(whole, &info))
        sample_defect(sample, "%.300s: cannot be opened: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        sample_defect(sample, "%.300s: is not a file", path);
    sample->offset = 0;
    sample->length = sample->defect.size ? 0 : info.st_size;
    free(absolute);
    free(whole);
}

static int write_decoded(struct source *source) {
    struct lines_source *own = source->own;
    const char *path = source->plain->pictures;
    if (!own->pictures) own->pictures = fopen(path, "wbe");
    const size_t size = own->decoded.size;
    if (own->pictures && fwrite(own->decoded.bytes, 1, size, own->pictures) == size && !fflush(own->pictures)) return 0;
    return error(EXIT_RUN, "%s: cannot be written: %s: TMPDIR says where pictures of JSON lines go", path,
                 strerror(errno));
}

static int take_bytes(struct source *source, struct sample *sample, const char *text, size_t size) {
    struct lines_source *own = source->own;
    const char *comma = text_begins(text, "data:") ? memchr(text, ',', size) : NULL;
    if (comma) size -= (size_t)(comma + 1 - text);
    buffer_clear(&own->decoded);
    if (!base64_decode(&own->decoded, comma ? comma + 1 : text, size)) {
        sample_defect(sample, "its picture is neither a path nor base64");
        return 0;
    }
    buffer_text(&sample->path, source->plain->pictures);
    sample->offset = own->written;
    sample->length = (int64_t)own->decoded.size;
    own->written += sample->length;
    return source->pass == SOURCE_LISTS ? write_decoded(source) : 0;
}

static int take_picture(struct source *source, struct sample *sample, const json_t *object) {
    const struct lines_source *own = source->own;
    const json_t *value = fields_first(object, &own->picture_fields);
    const char *text = json_string_value(value);
    const size_t size = json_string_length(value);
    if (!text || !size) {
        sample_defect(sample, "it has no picture: none of its fields is one of %s", SOURCE_PICTURE_FIELDS);
        return 0;
    }
    if (!text_begins(text, "data:") && memchr(text, '.', size)) {
        take_file(source, sample, text);
        return 0;
    }
    return take_bytes(source, sample, text, size);
}

// ---- samples

static void name_sample(struct source *source, struct sample *sample, const json_t *object) {
    const struct lines_source *own = source->own;
    char *key = fields_id(fields_first(object, &own->key_fields));
    if (key)
        buffer_text(&sample->key, key);
    else
        buffer_format(&sample->key, "%lld", (long long)own->number);
    free(key);
}

static bool is_blank(const struct buffer *line) {
    return strspn(line->bytes, " \t\r\n") == line->size;
}

static int read_sample(struct source *source, struct sample *sample) {
    json_error_t failure;
    const struct buffer *line = &sample->json;
    json_t *object = json_parse(line->bytes, line->size, &failure);
    if (!object)
        sample_defect(sample, "its JSON: column %d: %.200s", failure.column, failure.text);
    else if (!json_is_object(object))
        sample_defect(sample, "its JSON is no object");
    name_sample(source, sample, object);
    int status = json_is_object(object) ? take_picture(source, sample, object) : 0;
    json_decref(object);
    return status ? status : 1;
}

static int next_of_lines(struct source *source, struct sample *sample) {
    int status;
    do {
        status = read_line(source, &sample->json);
    } while (status == 1 && is_blank(&sample->json));
    if (status < 1) return status;
    sample->has_json = true;
    return read_sample(source, sample);
}

const struct source_kind source_of_lines = {open_lines, next_of_lines, close_lines};
