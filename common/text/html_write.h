// Text and pictures as parts of an HTML page.
#pragma once

#include "base/memory.h"

// Appends the text on one line (text_clean), with the characters that mean something in HTML escaped.
void text_html(struct buffer *out, const char *text, size_t size);

// Appends a data: URI of the bytes (RFC 2397), base64.
void text_data_uri(struct buffer *out, const char *media_type, const void *bytes, size_t size);
