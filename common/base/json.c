// JSON for configurations, manifests and run.json, above jansson: documents to and from files with errors that name the
// place, and objects read strictly. Strictly, because a key that is misspelt and passed over in silence trains another
// model than the one that was asked for, and nobody notices. What keys mean, and what must be there, callers know.
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

json_t *json_read(const char *path, size_t limit) {
    struct buffer text = {0};
    json_t *document = NULL;
    json_error_t failure;
    if (!file_read(path, limit, &text)) {
        document = json_parse(text.bytes ? text.bytes : "", text.size, &failure);
        if (!document) error(EXIT_DATA, "%s: line %d, column %d: %s", path, failure.line, failure.column, failure.text);
    }
    buffer_release(&text);
    return document;
}

// 17 digits bring every double back to the same bits.
int json_write(const char *path, const json_t *document) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    if (json_dumpf(document, aside.file, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) && !ferror(aside.file)) {
        aside_abandon(&aside);
        return error(EXIT_RUN, "%s: cannot be written: a text in it is not UTF-8", path);
    }
    fputc('\n', aside.file);
    return aside_commit(&aside);
}

void json_fields_begin(struct json_fields *fields, const json_t *object, const char *where) {
    *fields = (struct json_fields){.object = object, .where = where};
    if (!json_is_object(object)) fields->status = error(EXIT_USAGE, "%s: not a JSON object", where);
}

static bool was_used(const struct json_fields *fields, const char *key) {
    for (int i = 0; i < fields->used_count; i++)
        if (!strcmp(fields->used[i], key)) return true;
    return false;
}

// The value of `key`, ticked off; NULL when absent, null, or after an error.
static const json_t *look_up(struct json_fields *fields, const char *key) {
    if (fields->status) return NULL;
    if (!was_used(fields, key)) {
        if (fields->used_count == (int)(sizeof fields->used / sizeof *fields->used))
            bug("%s: too many keys read", fields->where);
        fields->used[fields->used_count++] = key;
    }
    const json_t *value = json_object_get(fields->object, key);
    return json_is_null(value) ? NULL : value;
}

bool json_fields_has(struct json_fields *fields, const char *key) {
    return look_up(fields, key) != NULL;
}

static void refuse(struct json_fields *fields, const char *key, const char *wanted) {
    fields->status = error(EXIT_USAGE, "%s: \"%s\" must be %s", fields->where, key, wanted);
}

int64_t json_fields_int(struct json_fields *fields, const char *key, int64_t fallback, int64_t low, int64_t high) {
    const json_t *value = look_up(fields, key);
    if (!value) return fallback;
    int64_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= low && number <= high) return number;
    fields->status = error(EXIT_USAGE, "%s: \"%s\" must be a whole number from %lld to %lld", fields->where, key,
                           (long long)low, (long long)high);
    return fallback;
}

double json_fields_real(struct json_fields *fields, const char *key, double fallback) {
    const json_t *value = look_up(fields, key);
    if (value && !json_is_number(value)) refuse(fields, key, "a number");
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool json_fields_bool(struct json_fields *fields, const char *key, bool fallback) {
    const json_t *value = look_up(fields, key);
    if (value && !json_is_boolean(value)) refuse(fields, key, "true or false");
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

const char *json_fields_text(struct json_fields *fields, const char *key, const char *fallback) {
    const json_t *value = look_up(fields, key);
    if (value && !json_is_string(value)) refuse(fields, key, "a text");
    return json_is_string(value) ? json_string_value(value) : fallback;
}

const json_t *json_fields_object(struct json_fields *fields, const char *key) {
    const json_t *value = look_up(fields, key);
    if (value && !json_is_object(value)) refuse(fields, key, "an object");
    return json_is_object(value) ? value : NULL;
}

void json_fields_ignore(struct json_fields *fields, const char *key) {
    look_up(fields, key);
}

// Keys are refused here and not where they are met, since only at the end is it known which ones nobody asked for.
int json_fields_end(struct json_fields *fields) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)fields->object, key, value) {
        if (!fields->status && !was_used(fields, key))
            fields->status = error(EXIT_USAGE, "%s: unknown key \"%s\"", fields->where, key);
    }
    return fields->status;
}

json_t *json_hash(uint64_t hash) {
    char text[HASH_TEXT_SIZE];
    hash_format(text, hash);
    return json_string(text);
}

json_t *json_double(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

const char *json_number(char text[JSON_NUMBER_SIZE], double value) {
    snprintf(text, JSON_NUMBER_SIZE, isfinite(value) ? "%.17g" : "null", value);
    return text;
}

// jansson escapes C0 itself, and its own line ends are no part of a text. All that is left lies below U+10000.
static unsigned code_of(const unsigned char *c, size_t length) {
    if (length == 1) return c[0];
    return length == 2 ? (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu)
                       : (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
}

char *json_shown(const json_t *document, size_t flags) {
    char *text = document ? json_dumps(document, flags) : NULL;
    struct buffer shown = {0};
    if (!text) return NULL;
    for (size_t at = 0, left = strlen(text), length; left; at += length, left -= length) {
        if (text_kind_of(text + at, left, &length) == TEXT_IS_ACTING && text[at] != '\n')
            buffer_format(&shown, "\\u%04x", code_of((const unsigned char *)text + at, length));
        else
            buffer_append(&shown, text + at, length);
    }
    free(text);
    return shown.bytes;
}
