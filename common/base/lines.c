// Cuts texts into lines. Windows ends them with CR LF and its editors put a byte order mark in front; either, taken for
// a part of a name, makes a file that nobody finds. NUL bytes are the caller's to judge, who knows what a line is for.
#include "base/lines.h"

#include <string.h>

size_t lines_mark(const char *bytes, size_t size) {
    return size >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
}

size_t lines_trim(const char *line, size_t size) {
    return size && line[size - 1] == '\r' ? size - 1 : size;
}

void lines_begin(struct lines *lines, const char *bytes, size_t size) {
    const size_t mark = lines_mark(bytes, size);
    *lines = (struct lines){.at = size ? bytes + mark : bytes, .left = size - mark};
}

bool lines_next(struct lines *lines, const char **line, size_t *size) {
    if (!lines->left) return false;
    const char *end = memchr(lines->at, '\n', lines->left);
    const size_t length = end ? (size_t)(end - lines->at) : lines->left, taken = length + !!end;
    *line = lines->at;
    *size = lines_trim(lines->at, length);
    lines->at += taken;
    lines->left -= taken;
    lines->number++;
    return true;
}
