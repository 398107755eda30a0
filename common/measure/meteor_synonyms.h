// The synonym sets of a word and of what it is a form of, by METEOR's data.
#pragma once

#include "measure/meteor_data.h"

// Zero-initialise; release with synonym_sets_release. A set may stand there twice.
struct synonym_sets {
    uint32_t *set;
    size_t count, room;
};
// Adds those of the word, whose number in the data is `known`, which may be METEOR_NONE.
void synonym_sets_find(struct synonym_sets *sets, struct meteor_data *data, uint32_t known, const char *text,
                       size_t size);
void synonym_sets_release(struct synonym_sets *sets);
