// What is one token of a caption, on its shadow (ptb_shadow.h).
#pragma once

#include <stddef.h>

// How a token is written, beside being lower case.
enum ptb_writing {
    PTB_AS_IS,  // soft hyphens left out, brackets as -lrb- and -rrb-, blanks as no-break spaces
    PTB_KEPT,   // as it is, soft hyphens too
    PTB_TAG,    // its brackets stay
    PTB_SUFFIX, // as it is, and its quote straight
    PTB_MARKS,  // each character as by PTB_LISTED
    PTB_LISTED, // one character, which may be written as another or as a word
    PTB_NOTHING,
};

struct ptb_token {
    size_t end; // behind its last byte
    enum ptb_writing writing;
};
// The token at `from`, which is within the shadow. Something is always one.
struct ptb_token ptb_token_at(const char *shadow, size_t size, size_t from);
