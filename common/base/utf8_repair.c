// What stands for bytes that are no UTF-8. Apart from utf8.c, which allocates nothing.
#include "base/utf8.h"

void utf8_repair(struct buffer *out, const char *text, size_t size) {
    for (size_t at = 0, length; at < size; at += length) {
        bool whole;
        length = utf8_character(text + at, size - at, &whole);
        if (whole)
            buffer_append(out, text + at, length);
        else
            buffer_text(out, "\xEF\xBF\xBD");
    }
}
