// Character references of HTML, on valid UTF-8.
#pragma once

#include <stddef.h>

#include "base/memory.h"

// Appends the text as Python's html.unescape: all references, the semicolon left out where HTML lets it.
void html_unescape(struct buffer *out, const char *text, size_t size);

// Appends the text as ftfy's unescape_html: references that end in a semicolon, capitals too (&NTILDE;).
void html_unescape_sure(struct buffer *out, const char *text, size_t size);
