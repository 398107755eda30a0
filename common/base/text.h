// Small questions about texts, and texts for people from bytes that may be anything.
#pragma once

#include <stdbool.h>

#include "base/memory.h"

bool text_begins(const char *text, const char *start);
bool text_ends(const char *text, const char *end);
bool text_ends_alike(const char *text, const char *end); // A to Z and a to z are the same: ".JSON" is ".json"

// Appends the text with a to z for A to Z, as suffixes are compared.
void text_lower(struct buffer *out, const char *text, size_t size);

// Adds the parts of "a::b::c", or of another list with this `between`, as they stand; of NULL there are none.
void text_split(struct strings *parts, const char *text, const char *between);

// What a text begins with, `*length` bytes of it.
enum text_kind {
    TEXT_IS_SHOWN,  // a character
    TEXT_IS_ACTING, // one that acts on a terminal or on lines instead of being shown: C0, DEL, C1 (U+0080 to U+009F),
                    // line and paragraph separators, bidirectional overrides and isolates (U+2028 to U+202E, U+2066 to
                    // U+2069)
    TEXT_IS_BROKEN, // bytes that are not UTF-8
};
enum text_kind text_kind_of(const char *text, size_t size, size_t *length);

bool text_is_plain(const char *text); // without characters that act

// Appends the text on one line, for people: characters that act become blanks, parts that are not UTF-8 question marks.
void text_clean(struct buffer *out, const char *text, size_t size);
size_t text_clean_here(char *text, size_t size); // the same in place, without allocating; the size that is left

// Appends a name of others on one line, as UTF-8 that tells every name from every other: bytes of characters that act
// and bytes that are not UTF-8 become \xNN, in lower-case hex digits, and a backslash that stands before an x \x5c.
void text_escape(struct buffer *out, const char *name, size_t size);
void text_unescape(struct buffer *out, const char *escaped, size_t size); // the name that it was
