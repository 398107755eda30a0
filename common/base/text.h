// Small questions about texts, and texts for people from bytes that may be anything.
#pragma once

#include <stdbool.h>

#include "base/memory.h"

bool text_begins(const char *text, const char *start);
bool text_ends(const char *text, const char *end);
bool text_ends_alike(const char *text, const char *end); // A to Z and a to z are the same: ".JSON" is ".json"

// Appends the text with a to z for A to Z, as suffixes are compared.
void text_lower(struct buffer *out, const char *text, size_t size);

// Without control characters (C0, DEL, and C1 as UTF-8 has them), which lines of tables and terminals do not survive.
bool text_is_plain(const char *text);

// Adds the parts of "a::b::c", or of another list with this `between`, as they stand; of NULL there are none.
void text_split(struct strings *parts, const char *text, const char *between);

// Appends the text on one line, for people: each character that acts on a terminal instead of being shown (C0, DEL, C1,
// line separators, bidirectional overrides and isolates) becomes a blank, each part that is not UTF-8 a question mark.
void text_clean(struct buffer *out, const char *text, size_t size);
size_t text_clean_here(char *text, size_t size); // the same in place, without allocating; the size that is left

// Whether the text is UTF-8 and has no such character.
bool text_is_shown(const char *text, size_t size);

// Appends the text on one line, for programs that read it back: those characters and bytes as \t, \n, \r and else \xHH
// for each byte, and a backslash as two. All others stand as they are.
void text_escape(struct buffer *out, const char *text, size_t size);
