// Which characters of a text act on a terminal or on lines instead of being shown. Apart from text.c since it allocates
// nothing: fail.c, which memory.c reports to, cleans by it what it prints.
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

// As UTF-8: C1 is C2 80 to C2 9F, U+2028 to U+202E are E2 80 A8 to E2 80 AE, U+2066 to U+2069 E2 81 A6 to E2 81 A9.
static bool acts(const unsigned char *character, size_t length) {
    const unsigned char second = length > 1 ? character[1] : 0, last = character[length - 1];
    if (length == 1) return last < 0x20 || last == 0x7f;
    if (length == 2) return character[0] == 0xc2 && last < 0xa0;
    if (length != 3 || character[0] != 0xe2) return false;
    return (second == 0x80 && last >= 0xa8 && last <= 0xae) || (second == 0x81 && last >= 0xa6 && last <= 0xa9);
}

enum text_kind text_kind_of(const char *text, size_t size, size_t *length) {
    bool whole;
    *length = utf8_character(text, size, &whole);
    if (!whole) return TEXT_IS_BROKEN;
    return acts((const unsigned char *)text, *length) ? TEXT_IS_ACTING : TEXT_IS_SHOWN;
}

bool text_is_plain(const char *text) {
    bool plain = true;
    for (size_t left = strlen(text), length; left && plain; text += length, left -= length)
        plain = text_kind_of(text, left, &length) != TEXT_IS_ACTING;
    return plain;
}

size_t text_clean_here(char *text, size_t size) {
    size_t kept = 0;
    for (size_t at = 0, length; at < size; at += length) {
        const enum text_kind kind = text_kind_of(text + at, size - at, &length);
        if (kind == TEXT_IS_SHOWN) {
            memmove(text + kept, text + at, length);
            kept += length;
        } else
            text[kept++] = kind == TEXT_IS_BROKEN ? '?' : ' ';
    }
    return kept;
}
