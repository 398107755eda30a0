// Lines of words, quoted as in a shell. Nothing is expanded: a quoted text is what it is.
#pragma once

#include "base/memory.h"

struct words {
    const char *at, *end;
    int line;            // of `at`, from 1
    struct strings word; // of the row that was read last
};

// Reads the words of the next line that has any into `word`, *line is where it began. 1: a row was read; 0: the text is
// at its end; -EXIT_USAGE: a quote is not closed, or a NUL.
int words_next(struct words *words, int *line);
