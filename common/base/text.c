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

static int hex_digit(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// The byte of \xNN at the text's begin, -1: it begins with something else.
static int escaped_byte(const char *text, size_t size) {
    if (size < 4 || text[0] != '\\' || text[1] != 'x') return -1;
    const int high = hex_digit(text[2]), low = hex_digit(text[3]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

void text_unescape(struct buffer *out, const char *escaped, size_t size) {
    buffer_append(out, "", 0);
    for (size_t at = 0; at < size;) {
        const int byte = escaped_byte(escaped + at, size - at);
        const char plain = byte < 0 ? escaped[at] : (char)byte;
        buffer_append(out, &plain, 1);
        at += byte < 0 ? 1 : 4;
    }
}
