// Is it UTF-8, where may it be cut, and what stands for what is not: asked where text comes from a foreign file or a
// message, before any other code sees it. What characters mean (classes, folding, normal forms) is text/'s.
#include "base/utf8.h"

// Only the second byte's range depends on the lead: after E0 and F0 it leaves out forms that are longer
// than needed, after ED the surrogates, after F4 what lies above U+10FFFF. Leads C0 and C1 would be such forms too.
size_t utf8_character(const char *bytes, size_t size, bool *whole) {
    const unsigned char *text = (const unsigned char *)bytes, lead = text[0];
    *whole = lead < 0x80;
    if (lead < 0xC2 || lead > 0xF4) return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2, at = 1;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (; at < length && at < size && text[at] >= low && text[at] <= high; at++) low = 0x80, high = 0xBF;
    *whole = at == length;
    return at;
}

bool utf8_valid(const char *text, size_t size) {
    bool whole = true;
    for (size_t at = 0; at < size && whole;) at += utf8_character(text + at, size - at, &whole);
    return whole;
}

// Bytes 10xxxxxx continue a character: the cut moves back to where one begins.
size_t utf8_cut(const char *text, size_t size, size_t limit) {
    if (size <= limit) return size;
    while (limit && ((unsigned char)text[limit] & 0xC0) == 0x80) limit--;
    return limit;
}
