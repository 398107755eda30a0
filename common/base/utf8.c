#include "base/utf8.h"

// Bytes of the well-formed character at `text`, 0 if there is none (Unicode 15, table 3-7).
static size_t character(const unsigned char *text, size_t size) {
    unsigned char lead = text[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || size < length) return 0;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if (text[i] < 0x80 || text[i] > 0xBF) return 0;
    return length;
}

bool utf8_valid(const char *text, size_t size) {
    for (size_t at = 0; at < size;) {
        size_t length = character((const unsigned char *)text + at, size - at);
        if (!length) return false;
        at += length;
    }
    return true;
}

size_t utf8_cut(const char *text, size_t size, size_t limit) {
    if (size <= limit) return size;
    while (limit && ((unsigned char)text[limit] & 0xC0) == 0x80) limit--;
    return limit;
}
