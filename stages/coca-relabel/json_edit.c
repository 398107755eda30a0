// The object is parsed first, so that the scan which finds where its values lie need not look for mistakes.
#include "json_edit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/lines.h"
#include "base/utf8.h"

enum { FIELDS_LIMIT = 8 };

struct place {
    const char *begin, *end; // of the value; NULL: it is not there
};

struct scan {
    const char *at, *end;
    const char *last; // behind the last value, or behind "{"
    bool is_empty;
};

static void skip_blanks(struct scan *scan) {
    while (scan->at < scan->end && isspace((unsigned char)*scan->at)) scan->at++;
}

// At a quote; behind the one that closes it.
static void skip_text(struct scan *scan) {
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
        if (*scan->at == '\\') scan->at++;
    if (scan->at < scan->end) scan->at++;
}

static void skip_value(struct scan *scan) {
    int depth = 0;
    while (scan->at < scan->end) {
        const char byte = *scan->at;
        if (byte == '"') {
            skip_text(scan);
            continue;
        }
        if (!depth && (byte == ',' || byte == '}' || isspace((unsigned char)byte))) return;
        depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        scan->at++;
    }
}

static bool is_key(const char *token, size_t size, const char *key) {
    json_t *text = json_loadb(token, size, JSON_DECODE_ANY, NULL);
    const bool same = json_is_string(text) && !strcmp(json_string_value(text), key);
    json_decref(text);
    return same;
}

static void find_places(struct scan *scan, const struct json_field *fields, int count, struct place *places) {
    skip_blanks(scan);
    scan->last = ++scan->at;
    scan->is_empty = true;
    for (skip_blanks(scan); scan->at < scan->end && *scan->at != '}'; skip_blanks(scan)) {
        const char *key = scan->at;
        skip_text(scan);
        const size_t size = (size_t)(scan->at - key);
        skip_blanks(scan);
        scan->at++; // the colon
        skip_blanks(scan);
        const struct place place = {scan->at, (skip_value(scan), scan->at)};
        for (int i = 0; i < count; i++)
            if (is_key(key, size, fields[i].key)) places[i] = place;
        scan->last = scan->at;
        scan->is_empty = false;
        skip_blanks(scan);
        if (scan->at < scan->end && *scan->at == ',') scan->at++;
    }
}

// The field whose value stands first from `at` on and is to be replaced, or −1.
static int next_replaced(const char *at, const struct json_field *fields, int count, const struct place *places) {
    int next = -1;
    for (int i = 0; i < count; i++)
        if (places[i].begin && places[i].begin >= at && !fields[i].if_missing &&
            (next < 0 || places[i].begin < places[next].begin))
            next = i;
    return next;
}

static void write_edited(struct buffer *out, const struct scan *scan, const char *text, size_t size,
                         const struct json_field *fields, int count, const struct place *places) {
    const char *at = text;
    for (int i; (i = next_replaced(at, fields, count, places)) >= 0; at = places[i].end) {
        buffer_append(out, at, (size_t)(places[i].begin - at));
        buffer_text(out, fields[i].value);
    }
    buffer_append(out, at, (size_t)(scan->last - at));
    bool is_empty = scan->is_empty;
    for (int i = 0; i < count; i++) {
        if (places[i].begin) continue;
        buffer_format(out, "%s\"%s\": ", is_empty ? "" : ", ", fields[i].key);
        buffer_text(out, fields[i].value);
        is_empty = false;
    }
    buffer_append(out, scan->last, (size_t)(text + size - scan->last));
}

char *json_edit(struct buffer *out, const char *text, size_t size, const struct json_field *fields, int count) {
    struct place places[FIELDS_LIMIT] = {{NULL, NULL}};
    json_error_t failure;
    json_t *object = json_parse(text, size, &failure);
    const bool is_object = json_is_object(object);
    const bool is_parsed = object;
    json_decref(object);
    if (count > FIELDS_LIMIT) bug("more than %d fields", FIELDS_LIMIT);
    if (!is_parsed) return xformat("its JSON: line %d, column %d: %s", failure.line, failure.column, failure.text);
    if (!is_object) return xstrdup("its JSON is no object");
    const size_t mark = lines_mark(text, size);
    struct scan scan = {.at = text + mark, .end = text + size};
    find_places(&scan, fields, count, places);
    write_edited(out, &scan, text, size, fields, count, places);
    return NULL;
}

void json_on_one_line(struct buffer *out, const char *text, size_t size) {
    const size_t mark = lines_mark(text, size);
    for (size -= mark, text += mark; size && isspace((unsigned char)text[size - 1]);) size--;
    const size_t begin = out->size;
    buffer_append(out, text, size);
    for (size_t i = begin; i < out->size; i++)
        if (out->bytes[i] == '\n' || out->bytes[i] == '\r') out->bytes[i] = ' ';
}

void json_text(struct buffer *out, const char *text, size_t size) {
    struct buffer valid = {0};
    buffer_text(&valid, "");
    utf8_repair(&valid, text, size);
    json_t *value = json_stringn(valid.bytes, valid.size);
    char *written = json_dumps(value, JSON_ENCODE_ANY);
    buffer_text(out, written);
    free(written);
    json_decref(value);
    buffer_release(&valid);
}
