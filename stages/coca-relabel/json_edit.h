// Fields put into a JSON object as text: what else stands in it stays byte for byte, its numbers, escapes and blanks
// too.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

struct json_field {
    const char *key;
    const char *value; // JSON
    bool if_missing;   // one that is there stays
};

// Appends the object with the fields: a field that is there gets the value where it stands, of a doubled key the last
// one; others come behind all that is there. NULL, or why not, which the caller frees.
char *json_edit(struct buffer *out, const char *text, size_t size, const struct json_field *fields, int count);

// Appends the text without a byte order mark, and without line ends, which in JSON are blanks.
void json_on_one_line(struct buffer *out, const char *text, size_t size);
// Appends a text as JSON, U+FFFD for what is not UTF-8 in it.
void json_text(struct buffer *out, const char *text, size_t size);
