// Characters and texts as Python's str knows them, on valid UTF-8.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

// The character at `text`, which holds at least one; its bytes in `*length`.
uint32_t unicode_at(const char *text, size_t size, size_t *length);
void unicode_append(struct buffer *out, uint32_t point);
bool unicode_is_ascii(const char *text, size_t size);
bool unicode_is_space(uint32_t point); // str.isspace

// Each appends the text changed: str.lower, str.upper, unicodedata.normalize("NFC").
void unicode_lower(struct buffer *out, const char *text, size_t size);
// The same for a token: a sigma goes on behind a hyphen, a low line or a digit, as Java's do.
void unicode_lower_joined(struct buffer *out, const char *text, size_t size);
void unicode_upper(struct buffer *out, const char *text, size_t size);
void unicode_compose(struct buffer *out, const char *text, size_t size);

// " ".join(str.split()): one blank between words, none around them.
void unicode_single_blanks(struct buffer *out, const char *text, size_t size);
