// A caption as ptb.c's rules see it: one byte for each character, ASCII as it is and the others by their class.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

// The bytes above ASCII; expressions of ptb_rules.c have them as \\x80 and so on.
enum ptb_class {
    PTB_LETTER = 0x80,
    PTB_DIGIT = 0x81,
    PTB_SYMBOL = 0x82,      // a token by itself
    PTB_SOFT_HYPHEN = 0x83, // part of a word, and not written
    PTB_HYPHEN = 0x84,      // joins words; nothing by itself
    PTB_QUOTE = 0x85,       // this and the next two are punctuation
    PTB_DASH = 0x86,
    PTB_ELLIPSIS = 0x87,
    PTB_RAISED_DIGIT = 0x88, // as many as stand together are a token; so with lowered ones
    PTB_POINT = 0x89,        // Arabic, within numbers
    PTB_SOLIDUS = 0x8A,      // of fractions
    PTB_OPENING = 0x8B,      // a single quote that opens: ` within a word
    PTB_MARK = 0x8C,         // a letter, but of words without hyphens
    PTB_UNKNOWN = 0x8D,      // left out; words end at it
    PTB_CURLY = 0x8E,        // an apostrophe, written straight where it begins a token
    PTB_LOW_QUOTE = 0x8F,    // a token by itself, or with a quote beside it
    PTB_LOWERED_DIGIT = 0x90,
    PTB_NO_BREAK_SPACE = 0x91, // a blank, but of sites' names
    PTB_WIDE_BLANK = 0x92,     // a blank, but of sites' names and addresses
    PTB_TAB = 0x93,            // a blank, but not of numbers
};

struct ptb_shadow {
    struct buffer bytes;
    size_t *start; // of each character in the text, and the text's end: bytes.size + 1
};
void ptb_shadow_begin(struct ptb_shadow *shadow, const char *text, size_t size); // borrows nothing
void ptb_shadow_end(struct ptb_shadow *shadow);
