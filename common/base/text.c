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

// Characters that act on a terminal or on the order of what stands beside them, instead of being shown: C0 and DEL, C1
// (U+0080 to U+009F), line and paragraph separators and bidirectional overrides (U+2028 to U+202E), isolates (U+2066 to
// U+2069).
static bool acts(const unsigned char *character, size_t length) {
    const unsigned char second = length > 1 ? character[1] : 0, last = character[length - 1];
    if (length == 1) return last < 0x20 || last == 0x7f;
    if (length == 2) return character[0] == 0xc2 && last < 0xa0;
    if (length != 3 || character[0] != 0xe2) return false;
    return (second == 0x80 && last >= 0xa8 && last <= 0xae) || (second == 0x81 && last >= 0xa6 && last <= 0xa9);
}

enum part { PART_SHOWN, PART_ACTS, PART_BROKEN };
static enum part part_of(const char *text, size_t size, size_t *length) {
    bool whole;
    *length = utf8_character(text, size, &whole);
    return !whole ? PART_BROKEN : acts((const unsigned char *)text, *length) ? PART_ACTS : PART_SHOWN;
}

bool text_is_shown(const char *text, size_t size) {
    enum part part = PART_SHOWN;
    for (size_t at = 0, length; at < size && part == PART_SHOWN; at += length)
        part = part_of(text + at, size - at, &length);
    return part == PART_SHOWN;
}

size_t text_clean_here(char *text, size_t size) {
    size_t kept = 0;
    for (size_t at = 0, length; at < size; at += length) {
        const enum part part = part_of(text + at, size - at, &length);
        if (part == PART_SHOWN) {
            memmove(text + kept, text + at, length);
            kept += length;
        } else
            text[kept++] = part == PART_BROKEN ? '?' : ' ';
    }
    return kept;
}

void text_clean(struct buffer *out, const char *text, size_t size) {
    const size_t start = out->size;
    buffer_append(out, text, size);
    out->size = start + text_clean_here(out->bytes + start, size);
    out->bytes[out->size] = 0;
}

static void escape_byte(struct buffer *out, char byte) {
    static const char named[] = "\\\\\tt\nn\rr"; // pairs: the byte, and the letter that stands for it
    for (const char *pair = named; *pair; pair += 2)
        if (*pair == byte) {
            buffer_format(out, "\\%c", pair[1]);
            return;
        }
    buffer_format(out, "\\x%02x", (unsigned char)byte);
}

void text_escape(struct buffer *out, const char *text, size_t size) {
    buffer_append(out, "", 0);
    for (size_t at = 0, length; at < size; at += length) {
        const enum part part = part_of(text + at, size - at, &length);
        if (part == PART_SHOWN && text[at] != '\\')
            buffer_append(out, text + at, length);
        else
            for (size_t i = 0; i < length; i++) escape_byte(out, text[at + i]);
    }
}
