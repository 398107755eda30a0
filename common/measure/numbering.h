// Numbers for byte strings: equal bytes have equal numbers, from 1 in the order in which they came.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct numbering_slot {
    uint32_t number; // 0 where free
    uint32_t tag;    // of the string's hash, so that most other strings need not be looked at
};

// Zero-initialise; release with numbering_release. At most 2^32 - 1 strings, of any bytes.
struct numbering {
    struct buffer bytes; // of all strings, in the order of their numbers
    size_t *end;         // [count+1]: where the string of a number ends in `bytes`
    struct numbering_slot *slot;
    size_t count, slots; // slots: a power of two, at least twice the count
};
uint32_t numbering_add(struct numbering *numbering, const void *bytes, size_t size); // a new number if it has none
uint32_t numbering_find(const struct numbering *numbering, const void *bytes, size_t size); // 0: it has none
// Before several are added or found: fetches from memory what that of this string will need, while others are fetched.
void numbering_fetch(const struct numbering *numbering, const void *bytes, size_t size);
void numbering_release(struct numbering *numbering);
