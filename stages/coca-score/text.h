// Text for people and files from text that may hold anything.
#pragma once

#include "base/memory.h"

// Appends the text on one line: control characters become blanks, bytes that are not UTF-8 question marks.
void text_clean(struct buffer *out, const char *text, size_t size);

// The same, with the characters that mean something in HTML escaped.
void text_html(struct buffer *out, const char *text, size_t size);

// Appends a data: URI of the bytes (RFC 2397), base64.
void text_data_uri(struct buffer *out, const char *media_type, const void *bytes, size_t size);
