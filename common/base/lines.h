// Texts that are lists of lines, as any system writes them: a byte order mark in front of the first line and the CR of
// CR LF belong to no line. Every text input is cut by these rules, whole in memory or as it comes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of the UTF-8 byte order mark that a text begins with: 3, or 0.
size_t lines_mark(const char *bytes, size_t size);

// The size of a line, given without its LF, that does not count a CR at its end.
size_t lines_trim(const char *line, size_t size);

// The lines of a text in memory. An empty line behind the last end is none; a last line may lack its end.
struct lines {
    const char *at;
    size_t left;
    int64_t number; // of the line taken last, from 1
};
void lines_begin(struct lines *lines, const char *bytes, size_t size);
bool lines_next(struct lines *lines, const char **line, size_t *size); // borrowed, without its end
