// One value of one row: from text, checked against kind and bounds. Private to the option files.
#pragma once

#include "stage/option.h"

#define OPTION_REASON 200

// False with `reason` ("must be 1 to 64, not '0'") when the text does not fit the row; the settings are then untouched.
bool option_store(const struct option *option, void *settings, const char *text, char reason[OPTION_REASON]);
void option_reset(const struct option *option, void *settings); // to 0, false, NULL or an empty list; frees nothing
void option_clear(const struct option *option, void *settings); // the same, freeing what the field owned

// Word `index` of "mean|sum", its length in *length; NULL beyond the last.
const char *option_word(const char *words, int index, size_t *length);

static inline void *option_field(const struct option *option, void *settings) {
    return (char *)settings + option->offset;
}
static inline bool option_is_bounded(const struct option *option) {
    return option->low != 0 || option->high != 0;
}
