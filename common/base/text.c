// What several rooms and stages ask of a text. Tokens and normalisation of captions are not here but in common/text.
#include "base/text.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

bool text_begins(const char *text, const char *start) {
    return !strncmp(text, start, strlen(start));
}

bool text_ends(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

bool text_ends_alike(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcasecmp(text + length - tail, end);
}

void text_lower(struct buffer *out, const char *text, size_t size) {
    buffer_append(out, "", 0);
    for (size_t i = 0; i < size; i++) {
        const char lower = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
        buffer_append(out, &lower, 1);
    }
}

void text_split(struct strings *parts, const char *text, const char *between) {
    for (const char *part = text, *end; part; part = end ? end + strlen(between) : NULL) {
        end = strstr(part, between);
        strings_add(parts, part, end ? (size_t)(end - part) : strlen(part));
    }
}

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

void text_clean(struct buffer *out, const char *text, size_t size) {
    const size_t start = out->size;
    buffer_append(out, text, size);
    out->size = start + text_clean_here(out->bytes + start, size);
    out->bytes[out->size] = 0;
}

// Behind "\\x" there are always the digits of a byte that was escaped, so the text can be had back.
void text_escape(struct buffer *out, const char *text, size_t size) {
    buffer_append(out, "", 0);
    for (size_t at = 0, length; at < size; at += length) {
        const bool shown = text_kind_of(text + at, size - at, &length) == TEXT_IS_SHOWN;
        if (shown && (text[at] != '\\' || at + 1 == size || text[at + 1] != 'x')) {
            buffer_append(out, text + at, length);
            continue;
        }
        for (size_t i = 0; i < length; i++) buffer_format(out, "\\x%02x", (unsigned char)text[at + i]);
    }
}
