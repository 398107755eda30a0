// Regular expressions on UTF-8 or on bytes, through PCRE2. An expression is part of the program: one that does not
// compile is a bug.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

// Not to be shared by threads: it holds the place of its last match.
struct pattern;

enum pattern_kind { PATTERN_TEXT, PATTERN_TEXT_ANY_CASE, PATTERN_BYTES };
struct pattern *pattern_new(const char *expression, enum pattern_kind kind);
void pattern_free(struct pattern *pattern);

struct match {
    size_t start, end;
};
// The first match at or behind `from`. Text must be valid UTF-8 and `from` at a character.
bool pattern_find(const struct pattern *pattern, const char *text, size_t size, size_t from, struct match *match);

// Appends the text with `replace` called in place of each match; no pattern of it matches nothing.
typedef void pattern_replacement(void *context, struct buffer *out, const char *match, size_t size);
void pattern_replace(const struct pattern *pattern, struct buffer *out, const char *text, size_t size,
                     pattern_replacement *replace, void *context);
