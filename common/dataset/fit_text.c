// Judged when a sample is packed, and, of samples that nobody has read before, when they are read: training sees the
// same texts either way.
#include "dataset/fit_text.h"

#include <string.h>

#include "base/utf8.h"

// strchr finds the NUL at the list's end too: a NUL byte is no blank.
static struct span trimmed(struct span text) {
    const char *bytes = text.bytes;
    while (text.size && strchr(" \t\r\n\v\f", bytes[text.size - 1]) && bytes[text.size - 1]) text.size--;
    while (text.size && strchr(" \t\r\n\v\f", *bytes) && *bytes) bytes++, text.size--;
    return (struct span){bytes, text.size};
}

enum text_fault text_fit(struct span *text) {
    *text = trimmed(*text);
    if (!text->size) return TEXT_EMPTY;
    if (memchr(text->bytes, 0, text->size)) return TEXT_NUL; // it would be cut there on its way between processes
    return utf8_valid(text->bytes, text->size) ? TEXT_FIT : TEXT_NOT_UTF8;
}
