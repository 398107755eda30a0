// Texts and where they stand in a list.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct words {
    const struct strings *list; // borrowed
    int32_t *slot;              // position + 1, 0 where free
    size_t slots;               // a power of two, more than twice the texts
};
void words_begin(struct words *words, const struct strings *list); // of equal texts the last counts
void words_end(struct words *words);
int32_t words_find(const struct words *words, const char *text, size_t size); // −1 when there is none
