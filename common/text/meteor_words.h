// Captions cut into words as METEOR 1.5 cuts them (-l en -norm), in lower case.
#pragma once

#include <stddef.h>

#include "base/memory.h"

// Whether a dot behind a word belongs to it, as in "Mr.": never, always, or where a number follows ("No. 5").
enum meteor_prefix { METEOR_NO_PREFIX, METEOR_PREFIX, METEOR_NUMBER_PREFIX };
// Asked with the word as it is written, without the dot.
typedef enum meteor_prefix meteor_prefix_of(void *context, const char *word, size_t size);

// Appends the words of one caption, valid UTF-8, with one blank between and none around. Threads may call it at once if
// `prefix_of` allows it.
void meteor_words(struct buffer *out, const char *text, size_t size, meteor_prefix_of *prefix_of, void *context);
