// JSON documents through jansson, with errors that name the file and the key.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

// A document of others, an object or an array, as Python's json reads it: a byte order mark may stand in front, of a
// doubled key the last counts, and what jansson has no value for is given as
//   an empty object         NaN, Infinity, -Infinity, numbers beyond double's range: no number, no text and no flag
//   a text of the digits    whole numbers beyond 64 bits
//   a blank                 "\u0000" in a text or key
//   U+FFFD                  half a surrogate pair in one
// NULL, with `place` filled (line and column in `bytes`), when Python would not read it either. A new reference.
json_t *json_parse(const char *bytes, size_t size, json_error_t *place);
// The same of the file `path` with at most `limit` bytes; NULL after an EXIT_DATA report with line and column.
json_t *json_read(const char *path, size_t limit);
// Aside, indented, keys in their order; 0 or -EXIT_RUN. NULL, as jansson makes of a text that is not UTF-8, is refused.
int json_write(const char *path, const json_t *document);

// The document as text, as json_dumps makes it, with \uXXXX for what would act on a terminal (base/text.h); the caller
// frees. NULL of NULL.
char *json_shown(const json_t *document, size_t flags);

json_t *json_hash(uint64_t hash);  // its text (base/hash.h), a new reference
json_t *json_double(double value); // null when it is not finite, a new reference
#define JSON_NUMBER_SIZE 32
// The number as JSON text that reads back to the same bits; "null" when it is not finite. Returns `text`.
const char *json_number(char text[JSON_NUMBER_SIZE], double value);

// Reads one object strictly: every key asked for is ticked off, and json_fields_end refuses what is left.
// The first error sticks, later calls do nothing, so a caller reads straight on and checks once.
struct json_fields {
    const json_t *object;
    const char *where; // "FILE: vision_cfg", for messages
    const char *used[64];
    int used_count, status;
};
void json_fields_begin(struct json_fields *fields, const json_t *object, const char *where);
bool json_fields_has(struct json_fields *fields, const char *key); // ticks off, null counts as absent
int64_t json_fields_int(struct json_fields *fields, const char *key, int64_t fallback, int64_t low, int64_t high);
double json_fields_real(struct json_fields *fields, const char *key, double fallback);
bool json_fields_bool(struct json_fields *fields, const char *key, bool fallback);
const char *json_fields_text(struct json_fields *fields, const char *key, const char *fallback); // borrowed
const json_t *json_fields_object(struct json_fields *fields, const char *key);                   // borrowed or NULL
void json_fields_ignore(struct json_fields *fields, const char *key); // accepted without effect
int json_fields_end(struct json_fields *fields);                      // 0 or -EXIT_USAGE, reported
