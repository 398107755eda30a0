// Captions cut into words as COCO's caption scores cut them.
#pragma once

#include <stddef.h>

#include "base/memory.h"

// Appends the tokens of one caption, valid UTF-8, as COCO's PTBTokenizer leaves them: lower case, punctuation taken
// away, one blank between, none around. Line breaks count as blanks. A telephone number and a tag are one token each,
// with no-break spaces (U+00A0) for their blanks. Threads may call it at once.
void ptb_tokenize(struct buffer *out, const char *text, size_t size);
