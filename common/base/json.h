// JSON documents through jansson, with errors that name the file and the key.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

// Loads `path`, at most `limit` bytes; NULL after an EXIT_DATA report with line and column.
// Duplicate keys are refused. The caller owns the reference.
json_t *json_read(const char *path, size_t limit);
// Aside, indented, keys in their order; 0 or -EXIT_RUN. NULL, as jansson makes of a text that is not UTF-8, is refused.
json_t *json_hash(uint64_t hash); // its text (base/hash.h), a new reference
int json_write(const char *path, const json_t *document);

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
