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

bool text_is_plain(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) return false;
    return true;
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

// Byte by byte: valid UTF-8 has no byte below 0x80 within a character, so only controls themselves are touched.
void text_clean(struct buffer *out, const char *text, size_t size) {
    const bool is_utf8 = utf8_valid(text, size);
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        const char kept = byte < 0x20 || byte == 0x7f ? ' ' : byte >= 0x80 && !is_utf8 ? '?' : (char)byte;
        buffer_append(out, &kept, 1);
    }
}
