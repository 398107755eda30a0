// Single characters that ftfy replaces or leaves out.
#pragma once

#include <stddef.h>

#include "base/memory.h"

// Appends the text with C1 controls as Windows-1252 has them, Latin ligatures taken apart, full- and half-width forms
// made ordinary, curly quotes straight, and every line break a newline.
void characters_plain(struct buffer *out, const char *text, size_t size);

// Appends the text without controls that show nothing.
void characters_without_controls(struct buffer *out, const char *text, size_t size);
