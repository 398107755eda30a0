// Captions as open_clip 3.3 cleans them before its tokenizer: ftfy 6.3's fix_text, html.unescape twice, single blanks,
// lower case.
#pragma once

#include <stddef.h>

#include "base/memory.h"

struct cleaner; // not to be shared by threads
struct cleaner *cleaner_new(void);
void cleaner_free(struct cleaner *cleaner);

// Appends the cleaned text; of what is not UTF-8, U+FFFD is left.
void cleaner_clean(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size);

// ftfy.fix_text alone, of valid UTF-8.
void cleaner_fix(const struct cleaner *cleaner, struct buffer *out, const char *text, size_t size);
